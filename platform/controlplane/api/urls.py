"""The routes of the management API."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from controlplane.api import identity, logs, servers, tenants
from controlplane.registry import converters  # noqa: F401 - registers `name`

urlpatterns = [
    path("me", tenants.Me.as_view()),
    path("schema", SpectacularAPIView.as_view(authentication_classes=(), permission_classes=())),
    path("tenants/<name:tenant>/servers", servers.Servers.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>", servers.ServerDetail.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/revisions", servers.Revisions.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/rollback", servers.Rollback.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/secrets", servers.Secrets.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/secrets/<name:name>", servers.SecretDetail.as_view()),
    path("tenants/<name:tenant>/revisions/<name:revision>", servers.RevisionDetail.as_view()),
    path("tenants/<name:tenant>/revisions/<name:revision>/log", logs.revision_log),
    path("tenants/<name:tenant>/endpoints", tenants.Endpoints.as_view()),
    path("tenants/<name:tenant>/keys", tenants.Keys.as_view()),
    path("tenants/<name:tenant>/keys/<name:key>", tenants.KeyDetail.as_view()),
    path("tenants/<name:tenant>/keys/<name:key>/rotate", tenants.KeyRotation.as_view()),
    path("tenants/<name:tenant>/logins", identity.Logins.as_view()),
    path("tenants/<name:tenant>/logins/<name:login>", identity.LoginDetail.as_view()),
    path("tenants/<name:tenant>/revocations", identity.Revocations.as_view()),
    path("tenants/<name:tenant>/signing-keys", identity.SigningKeys.as_view()),
    re_path(r"", tenants.NowhereView.as_view()),
]
