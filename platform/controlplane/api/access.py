"""Who is asking, and for which tenant. The same answer for Django REST framework's views and for Django's own.

A member signed in with a session, or a key sent as a bearer token; one way at a time. A tenant that is unknown,
suspended or not the caller's is answered the same way, so that names cannot be tried out.
"""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as FrameworkSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.api.problems import CHALLENGE, TenantNotFound, WrongAudience
from controlplane.issuer import management
from controlplane.keys.authentication import principal_at
from mcp_runtime.authorization.access_tokens import looks_like_one
from tenants import lookups
from tenants.principal import Principal

_BEARER = re.compile(r"bearer +(\S+) *", re.ASCII | re.IGNORECASE)


class KeyHolder:
    """What stands where Django expects a user when a key was shown."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.pk = principal.subject

    def __str__(self) -> str:
        return self.principal.subject


Caller = KeyHolder | User


def caller_in(request: Request) -> Caller:
    """The caller that the framework let in: what its `request.user` is after our authentication classes."""
    caller: Any = request.user
    if not isinstance(caller, KeyHolder | User):
        raise NotAuthenticated
    return caller


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer …`: an API key, or an access token of `stoa login`."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, None] | None:
        holder = _key_holder(request._request)
        return (holder, None) if holder else None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionAuthentication(FrameworkSessionAuthentication):
    """The dashboard's session. Unsafe methods need the CSRF token: a browser sends the cookie for anyone."""

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def caller_of(request: HttpRequest) -> Caller:
    """For Django's own views, safe methods only. Raises NotAuthenticated, AuthenticationFailed."""
    holder = _key_holder(request)
    if holder:
        return holder
    user = get_user(request)
    if not user.is_authenticated or not user.is_active:
        raise NotAuthenticated
    return user


def principal_in(caller: Caller, tenant_slug: str) -> Principal:
    """The caller as they act in a tenant. Raises TenantNotFound, WrongAudience."""
    if isinstance(caller, User):
        principal = principal_of(caller, tenant_slug)
        if principal is None:
            raise TenantNotFound(tenant_slug)
        return principal
    tenant = lookups.tenant_by_slug(tenant_slug)
    if tenant is None or tenant.id != caller.principal.tenant:
        raise TenantNotFound(tenant_slug)
    if caller.principal.audience != "*":
        raise WrongAudience
    return caller.principal


def _key_holder(request: HttpRequest) -> KeyHolder | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    match = _BEARER.fullmatch(header)
    principal = _principal_of(match[1], request.META.get("REMOTE_ADDR", "")) if match else None
    if principal is None:
        raise AuthenticationFailed("The credential is not valid: it is malformed, unknown, expired or revoked.")
    return KeyHolder(principal)


def _principal_of(token: str, address: str) -> Principal | None:
    return management.principal_for(token) if looks_like_one(token) else principal_at(address, token)


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = KeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key or an access token.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "stoa_session"}
