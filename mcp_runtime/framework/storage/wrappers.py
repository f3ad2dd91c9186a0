"""Stores around stores: times to live, prefixes, limits (FASTMCP B-10). Encryption is in `encryption.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat

from mcp_runtime.framework.storage.base import DEFAULT_COLLECTION, KeyValue, Store, Value, checked_ttl, encoded
from mcp_runtime.framework.storage.errors import EntryTooLarge, InvalidEntry, StorageError

__all__ = (
    "LimitSizeWrapper",
    "PrefixCollectionsWrapper",
    "PrefixKeysWrapper",
    "ReadOnlyWrapper",
    "SingleCollectionWrapper",
    "TTLClampWrapper",
    "TTLWrapper",
    "Wrapper",
)


class Wrapper(Store):
    """Passes everything on; a subclass changes what it is about."""

    def __init__(self, key_value: KeyValue) -> None:
        if not isinstance(key_value, KeyValue):
            raise TypeError(f"key_value={key_value!r} is no key-value store.")
        self.key_value = key_value

    async def close(self) -> None:
        close = getattr(self.key_value, "close", None)
        if close is not None:
            await close()

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        key, collection = self.place(key, collection)
        return await self.key_value.ttl(key, collection=collection)

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        key, collection = self.place(key, collection)
        await self.key_value.put(key, value, collection=collection, ttl=ttl)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        key, collection = self.place(key, collection)
        return await self.key_value.delete(key, collection=collection)

    def place(self, key: str, collection: str | None) -> tuple[str, str | None]:
        """Where the entry stands in the store inside."""
        return key, collection


class TTLWrapper(Wrapper):
    """Gives entries that are put without a time to live `default_ttl` seconds."""

    def __init__(self, key_value: KeyValue, default_ttl: SupportsFloat) -> None:
        super().__init__(key_value)
        self.default_ttl = checked_ttl(default_ttl)

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        await super().put(key, value, collection=collection, ttl=self.default_ttl if ttl is None else ttl)


class TTLClampWrapper(Wrapper):
    """Keeps times to live between `min_ttl` and `max_ttl`; `missing_ttl` is for entries put without one."""

    def __init__(
        self,
        key_value: KeyValue,
        min_ttl: SupportsFloat,
        max_ttl: SupportsFloat,
        missing_ttl: SupportsFloat | None = None,
    ) -> None:
        super().__init__(key_value)
        self._least, self._most = float(min_ttl), float(max_ttl)
        if not 0 <= self._least <= self._most:
            raise InvalidEntry(f"min_ttl={min_ttl!r} and max_ttl={max_ttl!r} leave no time to live.")
        self._missing = checked_ttl(missing_ttl)

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        seconds = self._missing if ttl is None else checked_ttl(ttl)
        if seconds is not None:
            seconds = min(max(seconds, self._least), self._most)
        await super().put(key, value, collection=collection, ttl=seconds)


class PrefixCollectionsWrapper(Wrapper):
    """Puts `prefix` before each collection: several users of one store do not meet."""

    def __init__(self, key_value: KeyValue, prefix: str, default_collection: str | None = None) -> None:
        super().__init__(key_value)
        self.prefix = prefix
        self._default = default_collection or DEFAULT_COLLECTION

    def place(self, key: str, collection: str | None) -> tuple[str, str | None]:
        return key, f"{self.prefix}__{collection or self._default}"


class PrefixKeysWrapper(Wrapper):
    """Puts `prefix` before each key."""

    def __init__(self, key_value: KeyValue, prefix: str) -> None:
        super().__init__(key_value)
        self.prefix = prefix

    def place(self, key: str, collection: str | None) -> tuple[str, str | None]:
        return f"{self.prefix}__{key}", collection


class SingleCollectionWrapper(Wrapper):
    """Keeps all collections in one of the store inside."""

    def __init__(
        self,
        key_value: KeyValue,
        single_collection: str,
        default_collection: str | None = None,
        separator: str | None = None,
    ) -> None:
        super().__init__(key_value)
        self._single = single_collection
        self._default = default_collection or DEFAULT_COLLECTION
        self._separator = separator or "__"

    def place(self, key: str, collection: str | None) -> tuple[str, str | None]:
        return f"{collection or self._default}{self._separator}{key}", self._single


class LimitSizeWrapper(Wrapper):
    """Refuses entries over `max_size` bytes of JSON, or leaves them out where `raise_on_too_large` is False."""

    def __init__(self, key_value: KeyValue, *, max_size: int, raise_on_too_large: bool = True) -> None:
        super().__init__(key_value)
        self._most = max_size
        self._raises = raise_on_too_large

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        size = len(encoded(value).encode())
        if size <= self._most:
            await super().put(key, value, collection=collection, ttl=ttl)
        elif self._raises:
            raise EntryTooLarge(f"The entry has {size} bytes; this store takes {self._most}.")


class ReadOnlyWrapper(Wrapper):
    """Refuses to write, or writes nothing where `raise_on_write` is False."""

    def __init__(self, key_value: KeyValue, raise_on_write: bool = True) -> None:
        super().__init__(key_value)
        self._raises = raise_on_write

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        self._refuse()

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        self._refuse()
        return False

    def _refuse(self) -> None:
        if self._raises:
            raise StorageError("This store is for reading only.")
