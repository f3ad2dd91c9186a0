"""Clients that are an address: their metadata stands there, and nothing is registered (PROTOCOL O-10).

The address comes from a stranger. It is fetched over the public Internet only, without redirects, little and briefly;
what was found is kept a while, also that nothing was, so that nobody makes this server knock at someone's door often.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mcp_runtime.framework.auth.errors import AuthError, OAuthError
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.registration import registered

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.fetch import Answer
    from mcp_runtime.framework.auth.grants import OAuthClient
    from mcp_runtime.framework.auth.redirects import RedirectPolicy

__all__ = ("ClientDocuments", "is_client_address")

_MOST_BYTES = 10 * 1024
_MOST_CHARACTERS = 500
_SECONDS = 5.0
_MOST_KEPT = 1000
_KEEP_SECONDS = (60.0, 24 * 3600.0)
_DEFAULT_SECONDS = 3600.0
_AGAIN_SECONDS = 60.0


class ClientDocuments:
    def __init__(
        self,
        policy: RedirectPolicy,
        fetcher: Fetcher | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._fetcher = fetcher or Fetcher(public_only=True, seconds=_SECONDS, most_bytes=_MOST_BYTES)
        self._now = now
        self._kept: OrderedDict[str, tuple[float, OAuthClient | OAuthError]] = OrderedDict()

    async def get(self, client_id: str) -> OAuthClient:
        """The client at that address. Raises OAuthError saying what is wrong with its document."""
        until, kept = self._kept.get(client_id, (0.0, None))
        if kept is None or self._now() >= until:
            seconds, kept = await self._fetched(client_id)
            self._kept[client_id] = (self._now() + seconds, kept)
            self._kept.move_to_end(client_id)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        if isinstance(kept, OAuthError):
            raise OAuthError(kept.error, kept.error_description, status=kept.status)
        return kept

    async def _fetched(self, client_id: str) -> tuple[float, OAuthClient | OAuthError]:
        try:
            answer = await self._fetcher.get(client_id)
            if answer.status != 200:
                raise OAuthError("invalid_client", f"The client's address answered {answer.status}.")
            return _freshness(answer), self._client(client_id, answer)
        except OAuthError as error:
            return _AGAIN_SECONDS, OAuthError("invalid_client", error.error_description)
        except AuthError:
            return _AGAIN_SECONDS, OAuthError("invalid_client", "The client's metadata cannot be had from its address.")

    def _client(self, client_id: str, answer: Answer) -> OAuthClient:
        document = answer.json()
        if document.get("client_id") != client_id:
            raise OAuthError("invalid_client", "The document at the client's address is about another client.")
        if document.get("token_endpoint_auth_method", "none") != "none" or "client_secret" in document:
            raise OAuthError("invalid_client", "A client that is an address has no secret: its method is none.")
        client, _ = registered(
            {"grant_types": ["authorization_code", "refresh_token"], **document, "token_endpoint_auth_method": "none"},
            self._policy,
        )
        return replace(client, client_id=client_id)


def is_client_address(client_id: str) -> bool:
    """https, with a path, and nothing in it that two readers could read differently."""
    if not client_id.startswith("https://") or len(client_id) > _MOST_CHARACTERS or not client_id.isascii():
        return False
    try:
        parts = urlsplit(client_id)
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.path in ("", "/") or "#" in client_id:
        return False
    return not any(segment in (".", "..") for segment in unquote(parts.path).split("/"))


def _freshness(answer: Answer) -> float:
    """How long the document may be kept (RFC 9111 section 5.2.2.1), within bounds."""
    seconds = _DEFAULT_SECONDS
    for directive in answer.headers.get("cache-control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in ("no-store", "no-cache"):
            seconds = 0.0
        elif name == "max-age" and value.isdigit():
            seconds = float(value)
    least, most = _KEEP_SECONDS
    return min(max(seconds, least), most)
