"""The addresses of the issuers. `controlplane.asgi` lets these through to Django; the gateway has the rest of /t/."""

from __future__ import annotations

import re
from typing import Final

from django.urls import re_path

from controlplane.issuer import authorization, registration, verification, views

_T: Final = r"t/(?P<tenant>[a-z0-9-]{1,63})"
_WELL_KNOWN: Final = r"\.well-known/(?:oauth-authorization-server|openid-configuration)"

urlpatterns = [
    # The three places where clients look for an issuer with a path (PROTOCOL D-11), and the fourth that some try.
    re_path(rf"^{_WELL_KNOWN}/{_T}$", views.issuer_metadata),
    re_path(rf"^{_T}/{_WELL_KNOWN}$", views.issuer_metadata),
    re_path(
        rf"^\.well-known/oauth-protected-resource/{_T}/(?P<endpoint>[a-z0-9-]{{1,63}})/mcp$", views.resource_metadata
    ),
    re_path(rf"^{_T}/oauth/jwks$", views.jwks),
    re_path(rf"^{_T}/oauth/authorize$", authorization.authorize, name="authorize"),
    re_path(rf"^{_T}/oauth/token$", views.token),
    re_path(rf"^{_T}/oauth/revoke$", views.revoke),
    re_path(rf"^{_T}/oauth/introspect$", views.introspect),
    re_path(rf"^{_T}/oauth/device$", verification.device),
    re_path(rf"^{_T}/oauth/verify$", verification.verify, name="verify"),
    re_path(rf"^{_T}/oauth/register$", registration.register),
    re_path(rf"^{_T}/oauth/register/(?P<client_id>[A-Za-z0-9_]{{1,64}})$", registration.configure),
]

_OURS = re.compile(r"/t/[^/]+/(?:oauth/[^/]+(?:/[^/]+)?|\.well-known/[^/]+)")


def serves(path: str) -> bool:
    """Whether a path below /t/ is an issuer's. An endpoint's own ends in /mcp, /sse or /messages."""
    return _OURS.fullmatch(path) is not None and not path.endswith(("/mcp", "/sse", "/messages"))
