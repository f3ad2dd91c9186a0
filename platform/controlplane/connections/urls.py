"""Pages for people who connect their accounts elsewhere."""

from __future__ import annotations

from django.urls import path

from controlplane.connections import views
from controlplane.registry import converters  # noqa: F401 - registers `name`

urlpatterns = [
    path("connect/<name:tenant>/callback", views.callback, name="connection-callback"),
    path("connect/<name:tenant>/client.json", views.client_document, name="connection-client"),
    path("connect/<name:tenant>/<name:server>", views.connect, name="connection"),
]
