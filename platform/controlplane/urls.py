"""Django's half of the URLs. `/t/…` never comes here: `controlplane.asgi` answers it in front of Django."""

from __future__ import annotations

from django.urls import include, path

from controlplane.api import health

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/", include("controlplane.api.urls")),
    path("", include("controlplane.dashboard.urls")),
]
