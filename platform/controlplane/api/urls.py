"""The routes of the management API."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from controlplane.api import logs, servers, tenants

urlpatterns = [
    path("me", tenants.Me.as_view()),
    path("schema", SpectacularAPIView.as_view(authentication_classes=(), permission_classes=())),
    path("tenants/<str:tenant>/servers", servers.Servers.as_view()),
    path("tenants/<str:tenant>/servers/<str:server>", servers.ServerDetail.as_view()),
    path("tenants/<str:tenant>/servers/<str:server>/revisions", servers.Revisions.as_view()),
    path("tenants/<str:tenant>/servers/<str:server>/rollback", servers.Rollback.as_view()),
    path("tenants/<str:tenant>/servers/<str:server>/secrets", servers.Secrets.as_view()),
    path("tenants/<str:tenant>/servers/<str:server>/secrets/<str:name>", servers.SecretDetail.as_view()),
    path("tenants/<str:tenant>/revisions/<str:revision>", servers.RevisionDetail.as_view()),
    path("tenants/<str:tenant>/revisions/<str:revision>/log", logs.revision_log),
    path("tenants/<str:tenant>/endpoints", tenants.Endpoints.as_view()),
    path("tenants/<str:tenant>/keys", tenants.Keys.as_view()),
    path("tenants/<str:tenant>/keys/<str:key>", tenants.KeyDetail.as_view()),
    re_path(r"", tenants.NowhereView.as_view()),
]
