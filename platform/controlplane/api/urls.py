"""The routes of the management API."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from controlplane.api import calls, connections, endpoints, identity, keys, logs, openapi, remotes, servers, tenants, vault
from controlplane.registry import converters  # noqa: F401 - registers `name`

urlpatterns = [
    path("me", tenants.Me.as_view()),
    path("schema", SpectacularAPIView.as_view(authentication_classes=(), permission_classes=())),
    path("tenants/<name:tenant>/servers", servers.Servers.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>", servers.ServerDetail.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/revisions", servers.Revisions.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/rollback", servers.Rollback.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/remote", remotes.Remote.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/refresh", remotes.Refresh.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/upstream", connections.UpstreamLogin.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/connection", connections.ServerConnection.as_view()),
    path("tenants/<name:tenant>/remotes/probe", remotes.Probe.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/openapi", openapi.Api.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/openapi/sync", openapi.Sync.as_view()),
    path("tenants/<name:tenant>/openapi/preview", openapi.Preview.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/secrets", servers.Secrets.as_view()),
    path("tenants/<name:tenant>/servers/<name:server>/secrets/<name:name>", servers.SecretDetail.as_view()),
    path("tenants/<name:tenant>/revisions/<name:revision>", servers.RevisionDetail.as_view()),
    path("tenants/<name:tenant>/revisions/<name:revision>/log", logs.revision_log),
    path("tenants/<name:tenant>/endpoints", endpoints.Endpoints.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>", endpoints.EndpointDetail.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/draft", endpoints.Draft.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/preview", endpoints.Preview.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/publish", endpoints.Publish.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/rollback", endpoints.Rollback.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/clone", endpoints.Clone.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/versions", endpoints.Versions.as_view()),
    path("tenants/<name:tenant>/endpoints/<name:endpoint>/versions/<int:number>", endpoints.VersionDetail.as_view()),
    path("tenants/<name:tenant>/keys", keys.Keys.as_view()),
    path("tenants/<name:tenant>/keys/<name:key>", keys.KeyDetail.as_view()),
    path("tenants/<name:tenant>/keys/<name:key>/rotate", keys.KeyRotation.as_view()),
    path("tenants/<name:tenant>/personal-keys", keys.PersonalKeys.as_view()),
    path("tenants/<name:tenant>/personal-keys/<name:key>", keys.PersonalKeyDetail.as_view()),
    path("tenants/<name:tenant>/personal-keys/<name:key>/rotate", keys.PersonalKeyRotation.as_view()),
    path("tenants/<name:tenant>/calls", calls.Calls.as_view()),
    path("tenants/<name:tenant>/calls/overview", calls.Overview.as_view()),
    path("tenants/<name:tenant>/logins", identity.Logins.as_view()),
    path("tenants/<name:tenant>/logins/<name:login>", identity.LoginDetail.as_view()),
    path("tenants/<name:tenant>/programs", identity.Programs.as_view()),
    path("tenants/<name:tenant>/programs/<name:program>", identity.ProgramDetail.as_view()),
    path("tenants/<name:tenant>/revocations", identity.Revocations.as_view()),
    path("tenants/<name:tenant>/data-keys", vault.DataKeys.as_view()),
    path("tenants/<name:tenant>/signing-keys", identity.SigningKeys.as_view()),
    re_path(r"", tenants.NowhereView.as_view()),
]
