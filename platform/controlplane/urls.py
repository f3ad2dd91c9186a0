"""Django's half of the URLs. Of `/t/…` only the issuers come here: `controlplane.asgi` answers endpoints before it."""

from __future__ import annotations

from django.urls import include, path

from controlplane.api import health

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/", include("controlplane.api.urls")),
    path("", include("controlplane.issuer.urls")),
    path("", include("controlplane.providers.urls")),
    path("", include("controlplane.connections.urls")),
    path("", include("controlplane.dashboard.urls")),
]
