"""AccessToken: what a verifier says about a credential; and who calls now (FASTMCP C-22)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

__all__ = ("AccessToken", "current_access_token", "scopes_of", "seconds_of")

_LEEWAY_SECONDS = 30
"""How far clocks may be apart before a token counts as expired, or as not valid yet."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A credential that was verified. On the platform `token` is empty: the credential never reaches a server."""

    token: str = field(repr=False)
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    resource: str | None = None

    @property
    def subject(self) -> str | None:
        """Whom the credential speaks for; None where it names nobody."""
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else None

    def expired(self, now: float | None = None) -> bool:
        return self.expires_at is not None and self.expires_at + _LEEWAY_SECONDS < (time.time() if now is None else now)


def seconds_of(value: object) -> int | None:
    """A moment as an issuer writes it: a number of seconds, or the text of one. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


current_access_token: ContextVar[AccessToken | None] = ContextVar("current_access_token", default=None)
"""The token of the HTTP request being answered, set by the guard in front of a standalone server."""


def scopes_of(claims: Mapping[str, Any], *names: str) -> list[str]:
    """The scopes in a claim: words in one text (RFC 8693 section 4.2), or a list. The first claim present counts."""
    for name in names or ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            return value.split()
        if isinstance(value, Iterable):
            return [scope for scope in value if isinstance(scope, str)]
    return []
