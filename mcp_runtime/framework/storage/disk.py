"""DiskStore and FileTreeStore: a JSON file per entry, in folders per collection (FASTMCP B-02).

Nothing is ever unpickled. Files are named by digests, so that no key is a path; they are written whole or not at all,
and only their owner reads them (0600 in folders of 0700). Several processes may use one folder.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, SupportsFloat

from mcp_runtime.framework.running import in_thread
from mcp_runtime.framework.storage.base import DEFAULT_COLLECTION, Store, Value, checked_ttl, encoded
from mcp_runtime.framework.storage.errors import EntryTooLarge, StorageError

__all__ = ("DiskStore", "FileTreeStore")

_MOST_ENTRY_BYTES = 64 * 1024 * 1024
_WRITES_BETWEEN_SWEEPS = 500


class DiskStore(Store):
    """Entries under `directory`; with `max_size` in bytes the ones written longest ago leave when it is full."""

    def __init__(
        self,
        *,
        directory: Path | str,
        max_size: int | None = None,
        default_collection: str | None = None,
        auto_create: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._root = Path(directory).expanduser()
        self._most = max_size
        self._default = default_collection or DEFAULT_COLLECTION
        self._creates = auto_create
        self._now = now
        self._writes = 0
        self._written = 0

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        return await in_thread(partial(self._read, collection or self._default, key))

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        seconds, text = checked_ttl(ttl), encoded(value)
        await in_thread(partial(self._write, collection or self._default, key, text, seconds))

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        return await in_thread(partial(self._delete, collection or self._default, key))

    def _path(self, collection: str, key: str) -> Path:
        return self._root / _name(collection)[:32] / f"{_name(key)}.json"

    def _read(self, collection: str, key: str) -> tuple[Value | None, float | None]:
        path = self._path(collection, key)
        try:
            text = _read_file(path)
        except FileNotFoundError:
            return None, None
        try:
            entry = json.loads(text)
            until, value = entry["until"], entry["value"]
            if (entry["collection"], entry["key"]) != (collection, key) or not isinstance(value, dict):
                raise ValueError("it belongs elsewhere")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(f"{path} is not an entry of this store: {error}. Remove it.") from error
        left = None if until is None else until - self._now()
        return (None, None) if left is not None and left <= 0 else (value, left)

    def _write(self, collection: str, key: str, text: str, seconds: float | None) -> None:
        until = None if seconds is None else self._now() + seconds
        head = json.dumps({"collection": collection, "key": key, "until": until})[:-1]
        data = f'{head},"value":{text}}}'.encode()
        if len(data) > min(_MOST_ENTRY_BYTES, self._most or _MOST_ENTRY_BYTES):
            raise EntryTooLarge(f"The entry has {len(data)} bytes, more than this store takes.")
        path = self._path(collection, key)
        if self._creates:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _write_file(path, data)
        self._sweep_now_and_then(len(data))

    def _delete(self, collection: str, key: str) -> bool:
        there = self._read(collection, key)[0] is not None
        try:
            self._path(collection, key).unlink()
        except FileNotFoundError:  # of two who delete at the same time, one did
            return False
        return there

    def _sweep_now_and_then(self, written: int) -> None:
        self._writes += 1
        self._written += written
        if self._writes % _WRITES_BETWEEN_SWEEPS == 0 or (self._most is not None and self._written > self._most // 2):
            self._written = 0
            self._sweep()

    def _sweep(self) -> None:
        """Remove what has expired, and what was written longest ago while there is too much."""
        kept: list[tuple[float, int, Path]] = []
        for path, facts in self._files():
            if self._expired(path):
                path.unlink(missing_ok=True)
            else:
                kept.append((facts.st_mtime, facts.st_size, path))
        size = sum(size for _, size, _ in kept)
        for _, one, path in sorted(kept):
            if self._most is None or size <= self._most:
                return
            path.unlink(missing_ok=True)
            size -= one

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._root.glob("*/*.json"):
            with suppress(FileNotFoundError):  # another process removed it
                yield path, path.stat()

    def _expired(self, path: Path) -> bool:
        try:
            until = json.loads(_read_file(path))["until"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False  # not ours to judge; whoever asks for it is told
        return until is not None and until <= self._now()


class FileTreeStore(DiskStore):
    """The same under its later name."""

    def __init__(
        self,
        *,
        data_directory: Path | str,
        metadata_directory: Path | str | None = None,
        default_collection: str | None = None,
        auto_create: bool = True,
    ) -> None:
        """`metadata_directory` is accepted and not needed: an entry's file holds all there is to it."""
        super().__init__(directory=data_directory, default_collection=default_collection, auto_create=auto_create)


def _name(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read_file(path: Path) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read(_MOST_ENTRY_BYTES + 1)


def _write_file(path: Path, data: bytes) -> None:
    """Whole or not at all: readers see the old entry or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
