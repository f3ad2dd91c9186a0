"""The routes of the dashboard."""

from __future__ import annotations

from django.contrib.auth import views as accounts
from django.urls import include, path

from controlplane.dashboard import (
    adding,
    assets,
    audit,
    calls,
    connecting,
    connections,
    endpoints,
    identity_providers,
    keys,
    logins,
    palette,
    playground,
    programs,
    security,
    servers,
    sign_in,
    tasks,
    views,
)
from controlplane.registry import converters  # noqa: F401 - registers `name`

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", sign_in.SignIn.as_view(), name="login"),
    path("logout/", accounts.LogoutView.as_view(), name="logout"),
    path("tenants/<name:tenant>/", servers.servers, name="servers"),
    path("tenants/<name:tenant>/overview/", calls.overview, name="overview"),
    path("tenants/<name:tenant>/calls/", calls.calls, name="calls"),
    path("tenants/<name:tenant>/palette/", palette.palette, name="palette"),
    path("tenants/<name:tenant>/connections/", connections.connections, name="connections"),
    path("tenants/<name:tenant>/keys/", keys.keys, name="keys"),
    path("tenants/<name:tenant>/your-keys/", keys.own_keys, name="own_keys"),
    path("tenants/<name:tenant>/programs/", programs.programs, name="programs"),
    path("tenants/<name:tenant>/tasks/", tasks.tasks, name="tasks"),
    path("tenants/<name:tenant>/tasks/<name:name>/", tasks.task, name="task"),
    path("tenants/<name:tenant>/logins/", logins.logins, name="logins"),
    path("tenants/<name:tenant>/audit/", audit.audit, name="audit"),
    path("tenants/<name:tenant>/audit/audit.<name:form>", audit.download, name="audit_download"),
    path("tenants/<name:tenant>/settings/security/", security.security, name="security"),
    path("tenants/<name:tenant>/servers/+/", servers.add, name="add_server"),
    path("tenants/<name:tenant>/servers/+/<name:kind>/", adding.add_elsewhere, name="add_elsewhere"),
    path("tenants/<name:tenant>/servers/<name:name>/refresh/", adding.refresh, name="refresh_server"),
    path("tenants/<name:tenant>/servers/<name:name>/", servers.server, name="server"),
    path("tenants/<name:tenant>/revisions/<name:revision>/", servers.revision, name="revision"),
    path("tenants/<name:tenant>/endpoints/", endpoints.endpoints, name="endpoints"),
    path("tenants/<name:tenant>/endpoints/<name:name>/", endpoints.endpoint, name="endpoint"),
    path("tenants/<name:tenant>/endpoints/<name:name>/versions/<int:number>/", endpoints.version, name="version"),
    path("tenants/<name:tenant>/endpoints/<name:name>/connect/", connecting.connect, name="connect"),
    path("tenants/<name:tenant>/identity-providers/", identity_providers.identity_providers, name="identity_providers"),
    path(
        "tenants/<name:tenant>/identity-providers/+/<name:kind>/", identity_providers.add, name="add_identity_provider"
    ),
    path(
        "tenants/<name:tenant>/identity-providers/<name:name>/",
        identity_providers.identity_provider,
        name="identity_provider",
    ),
    path(
        "tenants/<name:tenant>/identity-providers/<name:name>/check/",
        identity_providers.check,
        name="check_identity_provider",
    ),
    path(
        "tenants/<name:tenant>/identity-providers/<name:name>/test/",
        identity_providers.trial,
        name="try_identity_provider",
    ),
    path("", include("controlplane.dashboard.people.urls")),
    path("tenants/<name:tenant>/endpoints/<name:name>/try/", playground.playground, name="playground"),
    path("tenants/<name:tenant>/endpoints/<name:name>/try/token/", playground.token, name="playground_token"),
    path("assets/<str:digest>/<str:name>", assets.asset, name="asset"),
]
