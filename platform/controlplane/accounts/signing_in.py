"""The one way into a session, whoever vouched for the person: `sign_in(request, user, method="provider")`.

A password is followed by the second factor of whoever has one. A passkey is both at once. A provider's word is
followed by it too, unless the provider itself asked for two (`proven_twice`).
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Final, Literal

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from controlplane.accounts import sessions
from controlplane.accounts.errors import AccountClosedError
from controlplane.accounts.models import Authenticator, User

Method = Literal["password", "passkey", "provider", "link"]

PENDING_SECONDS: Final = 600
"""How long after the first factor the second one may follow."""
_PENDING = "first_factor"
_BACKEND = "controlplane.accounts.backends.Passwords"


@dataclass(frozen=True, slots=True)
class Pending:
    """A person who showed one factor and still has to show the other."""

    user: User
    method: Method
    next_url: str


def sign_in(request: HttpRequest, user: User, *, method: Method, next_url: str = "", proven_twice: bool = False) -> str:
    """Begin the person's session, or ask for their second factor first. Where to send the browser now.

    Raises AccountClosedError.
    """
    if not user.is_active:
        raise AccountClosedError
    if method != "passkey" and not proven_twice and has_second_factor(user):
        request.session.cycle_key()
        request.session[_PENDING] = {
            "user": user.pk,
            "method": method,
            "next": next_url,
            "at": int(time.time()),
            "hash": user.get_session_auth_hash(),
        }
        return reverse("second_factor")
    return complete(request, user, method=method, next_url=next_url)


def complete(request: HttpRequest, user: User, *, method: Method, next_url: str = "") -> str:
    """Begin the session: every factor was shown. Where to send the browser now."""
    request.session.pop(_PENDING, None)
    login(request, user, backend=_BACKEND)
    sessions.describe(request, method)
    return safe_next(request, next_url)


def pending(request: HttpRequest) -> Pending | None:
    """Who showed their first factor in this browser a moment ago, if their password is still the same."""
    kept = request.session.get(_PENDING)
    if not kept or not 0 <= time.time() - kept["at"] <= PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not hmac.compare_digest(kept["hash"], user.get_session_auth_hash()):
        return None
    return Pending(user, kept["method"], kept["next"])


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()


def safe_next(request: HttpRequest, next_url: str) -> str:
    """An address of ours, or the first page."""
    hosts = {request.get_host()}
    if next_url and url_has_allowed_host_and_scheme(next_url, allowed_hosts=hosts, require_https=request.is_secure()):
        return next_url
    return settings.LOGIN_REDIRECT_URL
