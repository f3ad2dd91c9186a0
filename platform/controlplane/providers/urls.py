"""The addresses of sign-ins by providers. The second is what a tenant registers at its provider: it never changes."""

from __future__ import annotations

from django.urls import path

from controlplane.providers import views

urlpatterns = [
    path("sign-in/<slug:tenant>/<slug:provider>/", views.start, name="provider_sign_in"),
    path("sign-in/<slug:tenant>/<slug:provider>/callback", views.callback, name="provider_callback"),
]
