"""Browsers that are signed in: kept with who, how and where, so that people can see and end them.

Django's database sessions with columns of our own (its documentation, "Extending database-backed session engines").
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from controlplane.accounts.errors import SessionNotFoundError
from controlplane.accounts.models import Session, User
from tenants.identifiers import new_id

SEEN_EVERY = timedelta(minutes=10)
"""How exactly `seen_at` is kept: a write for each page would be too dear."""
_ABOUT = "about"


class SessionStore(DatabaseStore):
    """Named by SESSION_ENGINE."""

    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        about = data.get(_ABOUT) or {}
        row.user_id = data.get("_auth_user_id")
        row.id = about.get("id", "")
        row.method = about.get("method", "")
        row.address = about.get("address", "")
        row.program = about.get("program", "")
        if "at" in about:
            row.started_at = parse_datetime(about["at"])
        return row

    def _get_session_from_db(self) -> Any:
        row: Any = super()._get_session_from_db()  # type: ignore[misc]
        if row is not None and row.user_id and timezone.now() - row.seen_at > SEEN_EVERY:
            Session.objects.filter(pk=row.pk).update(seen_at=timezone.now())
        return row


def describe(request: HttpRequest, method: str) -> None:
    """Note in a session that begins how and from where it does."""
    request.session[_ABOUT] = {
        "id": new_id("ses"),
        "method": method,
        "address": request.META.get("REMOTE_ADDR", "")[:64],
        "program": request.headers.get("user-agent", "")[:300],
        "at": timezone.now().isoformat(),
    }


def sessions_of(user: User) -> list[Session]:
    """Those that are alive, the last used first."""
    alive = Session.objects.filter(user=user, expire_date__gt=timezone.now()).exclude(id="")
    return list(alive.order_by("-seen_at", "-id"))


def current_id(request: HttpRequest) -> str:
    about = request.session.get(_ABOUT) or {}
    return str(about.get("id", ""))


def end_session(user: User, session_id: str) -> None:
    """Raises SessionNotFoundError, for another person's as for none."""
    ended, _ = Session.objects.filter(user=user, id=session_id or "-").delete()
    if not ended:
        raise SessionNotFoundError(session_id)


def end_sessions(user: User, *, but: str | None = None) -> int:
    """End all of a person's, except the one with this session key; how many there were."""
    others = Session.objects.filter(user=user)
    if but is not None:
        others = others.exclude(pk=but)
    ended, _ = others.delete()
    return ended
