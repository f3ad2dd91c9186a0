"""MemoryStore: in this process, until it ends (FASTMCP B-01)."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

from mcp_runtime.framework.storage.base import DEFAULT_COLLECTION, Store, Value, checked_ttl, encoded

__all__ = ("MemoryStore",)


class MemoryStore(Store):
    """Holds at most so many entries per collection; who was used longest ago leaves first.

    Values go in and out as copies: changing one that was read changes nothing here.
    """

    def __init__(
        self,
        *,
        max_entries_per_collection: int | None = 10_000,
        default_collection: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = max_entries_per_collection
        self._default = default_collection or DEFAULT_COLLECTION
        self._now = now
        self._collections: dict[str, OrderedDict[str, tuple[str, float | None]]] = {}

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        entries = self._collections.get(collection or self._default)
        if entries is None or key not in entries:
            return None, None
        text, until = entries[key]
        left = None if until is None else until - self._now()
        if left is not None and left <= 0:
            del entries[key]
            return None, None
        entries.move_to_end(key)
        return json.loads(text), left

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        seconds = checked_ttl(ttl)
        entries = self._collections.setdefault(collection or self._default, OrderedDict())
        entries[key] = (encoded(value), None if seconds is None else self._now() + seconds)
        entries.move_to_end(key)
        if self._most is not None and len(entries) > self._most:
            self._make_room(entries, self._most)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        entries = self._collections.get(collection or self._default)
        entry = None if entries is None else entries.pop(key, None)
        return entry is not None and (entry[1] is None or entry[1] > self._now())

    def _make_room(self, entries: OrderedDict[str, tuple[str, float | None]], most: int) -> None:
        """The expired ones first: one look at all of them makes room for many that follow."""
        now = self._now()
        for key in [key for key, (_, until) in entries.items() if until is not None and until <= now]:
            del entries[key]
        while len(entries) > most:
            entries.popitem(last=False)
