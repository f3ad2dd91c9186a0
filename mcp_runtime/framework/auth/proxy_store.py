"""What an OAuth proxy remembers, sealed: whoever reads the store learns no token, code or client (FASTMCP A-13, B-07).

Codes and refresh tokens are found by digest, never kept. What is to happen once is decided by `delete`, which tells one
of several callers that it was the one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.grants import digest
from mcp_runtime.framework.storage.base import KeyValue
from mcp_runtime.framework.storage.disk import DiskStore
from mcp_runtime.framework.storage.encryption import FernetEncryptionWrapper, fernet_of
from mcp_runtime.framework.storage.wrappers import PrefixCollectionsWrapper

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.keys import ProxyKeys

__all__ = ("ProxyStore", "Records")

_MOST_BYTES = 512 * 1024 * 1024
"""Strangers may register: what was written longest ago leaves first."""


class Records:
    """One kind of record, by the digest of a secret or by a name."""

    def __init__(self, store: Callable[[], KeyValue], collection: str) -> None:
        self._store = store
        self._collection = collection

    async def get(self, name: str) -> dict[str, Any] | None:
        return await self._store().get(digest(name), collection=self._collection) if name else None

    async def put(self, name: str, record: dict[str, Any], *, seconds: float) -> None:
        await self._store().put(digest(name), record, collection=self._collection, ttl=seconds)

    async def take(self, name: str) -> dict[str, Any] | None:
        """The record, to the one caller who gets it."""
        found = await self.get(name)
        return found if found is not None and await self.delete(name) else None

    async def delete(self, name: str) -> bool:
        return await self._store().delete(digest(name), collection=self._collection)


class ProxyStore:
    """`client_storage` as the author gave it, or files in the user's data folder."""

    def __init__(self, client_storage: KeyValue | None, keys: ProxyKeys) -> None:
        if client_storage is not None and not isinstance(client_storage, KeyValue):
            raise WrongSetting(f"client_storage={client_storage!r} is no key-value store.")
        self._given = client_storage
        self._keys = keys
        self.clients = Records(self._sealed, "clients")
        self.transactions = Records(self._sealed, "transactions")
        self.states = Records(self._sealed, "states")
        self.codes = Records(self._sealed, "codes")
        self.used_codes = Records(self._sealed, "used-codes")
        self.grants = Records(self._sealed, "grants")
        self.refresh_tokens = Records(self._sealed, "refresh-tokens")

    def _sealed(self) -> KeyValue:
        return self._wrapped

    @cached_property
    def _wrapped(self) -> KeyValue:
        store = self._given
        if store is None:
            folder = _data_folder() / "oauth-proxy" / self._keys.fingerprint
            store = DiskStore(directory=folder, max_size=_MOST_BYTES)
        return FernetEncryptionWrapper(
            PrefixCollectionsWrapper(store, "mcp-oauth-proxy"),
            fernet=lambda: fernet_of(self._keys.storage),
            raise_on_decryption_error=False,  # another key: as if nobody had ever logged in
        )


def _data_folder() -> Path:
    """FASTMCP_HOME, or where the XDG base directory specification keeps a user's data."""
    if home := os.environ.get("FASTMCP_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "fastmcp"
