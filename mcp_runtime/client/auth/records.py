"""What a client remembers of a log-in: its registration and its tokens, bound to the issuer (PROTOCOL U-05)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Protocol

from mcp_runtime.framework.storage.memory import MemoryStore

__all__ = ("Grant", "GrantStore")

_COLLECTION = "mcp-client-oauth"
_EARLY_SECONDS = 30.0
"""A token is renewed this long before it ends, so that it does not end on its way."""


class Grant:
    """One server's: registration (`client_id`, …), `tokens`, and the `issuer` that gave both."""

    def __init__(self, stored: dict[str, Any] | None = None) -> None:
        stored = stored or {}
        self.issuer: str | None = stored.get("issuer")
        self.client: dict[str, Any] | None = stored.get("client")
        self.port: int | None = stored.get("port")
        self.scope: str | None = stored.get("scope")
        self.access_token: str | None = stored.get("access_token")
        self.refresh_token: str | None = stored.get("refresh_token")
        self.expires_at: float | None = stored.get("expires_at")

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    def is_valid(self) -> bool:
        """Whether the access token is worth sending."""
        return self.access_token is not None and (
            self.expires_at is None or self.expires_at > time.time() + _EARLY_SECONDS
        )

    def take(self, answer: dict[str, Any], asked: str | None) -> None:
        """Take in the answer of a token endpoint; a refresh token stays where no new one is given."""
        self.access_token = answer["access_token"]
        self.refresh_token = answer.get("refresh_token") or self.refresh_token
        seconds = answer.get("expires_in")
        self.expires_at = time.time() + float(seconds) if isinstance(seconds, (int, float)) else None
        self.scope = answer.get("scope") or asked or self.scope

    def forget(self, *, client: bool = False) -> None:
        """Forget the tokens, and the registration where asked to."""
        self.access_token = self.refresh_token = self.expires_at = None
        if client:
            self.client = self.issuer = self.port = self.scope = None


class KeyValues(Protocol):
    async def get(self, key: str, *, collection: str | None = None) -> Any: ...
    async def put(self, key: str, value: Any, *, collection: str | None = None, ttl: Any = None) -> None: ...
    async def delete(self, key: str, *, collection: str | None = None) -> bool: ...


class GrantStore:
    """Keeps grants in memory, or encrypted in the store it is given, under a key that only this user can read.

    A store that encrypts by itself is left to it.
    """

    def __init__(self, store: Any | None) -> None:
        self._store: KeyValues = MemoryStore() if store is None else _encrypted(store)

    async def read(self, url: str) -> Grant:
        return Grant(await self._store.get(url, collection=_COLLECTION))

    async def write(self, url: str, grant: Grant) -> None:
        await self._store.put(url, grant.stored(), collection=_COLLECTION)


def _encrypted(store: Any) -> KeyValues:
    from mcp_runtime.framework.storage.encryption import FernetEncryptionWrapper, fernet_of

    if isinstance(store, (FernetEncryptionWrapper, MemoryStore)):
        return store
    return FernetEncryptionWrapper(
        store,
        fernet=lambda: fernet_of(_key()),
        raise_on_decryption_error=False,  # another key: as if nobody had ever logged in
    )


def _key() -> bytes:
    """This user's key, made at the first need."""
    folder = os.environ.get("FASTMCP_HOME") or os.environ.get("XDG_DATA_HOME")
    path = (Path(folder) if folder else Path.home() / ".local" / "share") / "mcp-client" / "key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()  # another program was faster
    with os.fdopen(handle, "wb") as file:
        key = os.urandom(32)
        file.write(key)
    return key
