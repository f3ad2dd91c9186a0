"""The published keys of an issuer: fetched at the first token, kept for an hour, asked again for a new key's name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.jose import import_key

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.fetch import Fetcher
    from mcp_runtime.framework.auth.jose import Key

__all__ = ("PublishedKeys",)

_KEEP_SECONDS = 3600.0
_AGAIN_SECONDS = 30.0
_MOST_KEYS = 100


class PublishedKeys:
    """Keys of a JWKS document (RFC 7517), for one algorithm. `uri` may be a function where it must be discovered."""

    def __init__(
        self,
        uri: str | Callable[[], Awaitable[str]],
        algorithm: str,
        fetcher: Fetcher,
        *,
        again_seconds: float = _AGAIN_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri = uri
        self._algorithm = algorithm
        self._fetcher = fetcher
        self._again_seconds = again_seconds
        self._now = now
        self._keys: list[tuple[str | None, Key]] = []
        self._fetched_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Key | None:
        """The key of that name; without a name, the only key there is. Raises ProviderUnavailable."""
        if self._older_than(_KEEP_SECONDS):
            await self._fetch(_KEEP_SECONDS)
        found = self._among(kid)
        if found is None and self._older_than(self._again_seconds):  # the issuer may have rotated its keys
            await self._fetch(self._again_seconds)
            found = self._among(kid)
        return found

    def _among(self, kid: str | None) -> Key | None:
        if kid is None:
            return self._keys[0][1] if len(self._keys) == 1 else None
        return next((key for name, key in self._keys if name == kid), None)

    def _older_than(self, seconds: float) -> bool:
        return self._fetched_at is None or self._now() - self._fetched_at >= seconds

    async def _fetch(self, older_than: float) -> None:
        async with self._lock:
            if not self._older_than(older_than):
                return  # someone else fetched them while this one waited
            try:
                uri = self._uri if isinstance(self._uri, str) else await self._uri()
                document = await self._fetcher.document(uri)
            except ProviderUnavailable:
                if not self._keys:
                    raise
                return  # the keys we have are better than none; a key of another name stays unknown
            self._keys = [*self._usable(document)]
            self._fetched_at = self._now()

    def _usable(self, document: dict[str, Any]) -> list[tuple[str | None, Key]]:
        entries = document.get("keys")
        if not isinstance(entries, list):
            raise ProviderUnavailable("The issuer's key document has no list of keys.")
        found = []
        for entry in entries[:_MOST_KEYS]:
            if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
                continue
            if entry.get("alg", self._algorithm) != self._algorithm:
                continue
            try:
                found.append((entry.get("kid"), import_key(entry, self._algorithm)))
            except WrongSetting:
                continue  # a key of another kind
        return found
