"""The key-value interface of py-key-value-aio, by which our stores and wrappers combine with theirs (FASTMCP 1.12)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, SupportsFloat, runtime_checkable

from mcp_runtime.framework.storage.errors import InvalidEntry

__all__ = ("DEFAULT_COLLECTION", "KeyValue", "Store", "checked_ttl", "encoded")

Value = dict[str, Any]
DEFAULT_COLLECTION = "default_collection"


@runtime_checkable
class KeyValue(Protocol):
    """Values are JSON objects; keys live in collections; an entry may have a time to live in seconds."""

    async def get(self, key: str, *, collection: str | None = None) -> Value | None:
        """The value, None where there is none (any more)."""

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        """The value and the seconds it has left; (value, None) for ever, (None, None) where there is none."""

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Store, replacing what was there."""

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Whether there was something to delete."""

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[Value | None]: ...

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[Value | None, float | None]]: ...

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None: ...

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """How many there were."""


class Store:
    """The bulk half of the interface, by its single half: a store or wrapper defines `ttl`, `put` and `delete`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def setup(self) -> None:
        """Nothing: stores make what they need at their first use."""

    async def close(self) -> None:
        """Let go of connections, where there are any."""

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        raise NotImplementedError

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        raise NotImplementedError

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        raise NotImplementedError

    async def get(self, key: str, *, collection: str | None = None) -> Value | None:
        return (await self.ttl(key, collection=collection))[0]

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[Value | None]:
        return [await self.get(key, collection=collection) for key in keys]

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[Value | None, float | None]]:
        return [await self.ttl(key, collection=collection) for key in keys]

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        if len(keys) != len(values):
            raise InvalidEntry(f"put_many() was given {len(keys)} keys and {len(values)} values.")
        for key, value in zip(keys, values, strict=True):
            await self.put(key, value, collection=collection, ttl=ttl)

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        return sum([await self.delete(key, collection=collection) for key in keys])


def checked_ttl(ttl: SupportsFloat | None) -> float | None:
    """Raises InvalidEntry for what is no positive, finite number of seconds."""
    if ttl is None:
        return None
    try:
        seconds = float(ttl)
    except (TypeError, ValueError):
        seconds = math.nan
    if isinstance(ttl, bool) or not 0 < seconds < math.inf:
        raise InvalidEntry(f"A time to live is a positive number of seconds, not {ttl!r}.")
    return seconds


def encoded(value: Mapping[str, Any]) -> str:
    """The JSON text of a value. Raises InvalidEntry for what is none."""
    if not isinstance(value, Mapping):
        raise InvalidEntry(f"A value in a store is a mapping, not {type(value).__name__}.")
    try:
        return json.dumps(dict(value), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEntry(f"The value cannot be stored as JSON: {error}") from error
