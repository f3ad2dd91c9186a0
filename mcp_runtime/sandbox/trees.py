"""Folders made from untrusted archives: names, limits and the digest (SANDBOX 5). Standard library only.

A tree is regular files with relative names, nothing else: no links, devices, modes, times or empty folders.
Its digest depends on names and contents alone, so a zip and a tar of one tree are one tree.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


class BundleError(Exception):
    """An archive that is refused. `entry` is the name inside it, as far as it is known; `hint` is the remedy."""

    def __init__(self, message: str, *, code: str = "bad_bundle", entry: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """Stable: bad_bundle, bad_name, not_a_file, too_large or truncated."""
        self.entry = entry
        self.hint = hint


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """Bounds of one tree. The defaults are those of a tenant's bundle."""

    files: int = 2_000
    folders: int = 2_000
    total_bytes: int = 50 * MIB
    file_bytes: int = 10 * MIB
    depth: int = 16
    """Names in a path, the file's own included."""
    path_bytes: int = 1_024
    name_bytes: int = 255
    portable: bool = True
    """Refuse names that another system would spell or compare differently: not NFC, or equal but for case."""


class TreeWriter:
    """Writes files below `root`, an empty folder of ours that nobody else can reach yet."""

    def __init__(self, root: Path, limits: TreeLimits, *, ignored: Callable[[str], bool] = lambda name: False) -> None:
        self._root = root
        self._limits = limits
        self._ignored = ignored
        self._kinds: dict[str, tuple[str, bool]] = {}
        """Comparable path -> (path as given, whether it is a file)."""
        self._entries = 0
        self._bytes = 0
        self.files: list[tuple[str, str]] = []
        """(name, SHA-256) of each file kept."""

    def add_folder(self, name: str) -> None:
        """Check a folder's name. It is made only when a file needs it. Raises BundleError."""
        name = name.removesuffix("/")
        if name not in ("", "."):
            self._claim(_checked_parts(name, self._limits), is_file=False)

    def add_file(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write one file. `size` is what the archive claims; `chunks` is what it gives. Raises BundleError."""
        parts = _checked_parts(name, self._limits)
        name = "/".join(parts)
        self._entries += 1
        if self._entries > self._limits.files:
            raise _too_large(f"The archive holds more than {self._limits.files} files.", name)
        self._check_size(name, size)
        self._claim(parts, is_file=True)
        if self._ignored(name):
            self._count(name, chunks)
            return
        path = self._root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o444)  # whatever the umask took
            self.files.append((name, self._count(name, chunks, file.write)))

    def _count(self, name: str, chunks: Iterable[bytes], write: Callable[[bytes], object] | None = None) -> str:
        """Pass the chunks on and return their SHA-256. The sizes that count are these, not those announced."""
        digest = hashlib.sha256()
        written = 0
        for chunk in chunks:
            written += len(chunk)
            self._bytes += len(chunk)
            self._check_size(name, written)
            if self._bytes > self._limits.total_bytes:
                raise _too_large(f"The archive unpacks to more than {_size(self._limits.total_bytes)}.", name)
            digest.update(chunk)
            if write is not None:
                write(chunk)
        return digest.hexdigest()

    def _check_size(self, name: str, size: int) -> None:
        if size > self._limits.file_bytes:
            raise _too_large(f"'{shown(name)}' is larger than {_size(self._limits.file_bytes)}.", name)

    def _claim(self, parts: tuple[str, ...], *, is_file: bool) -> None:
        """Note a path and its folders; refuse a second use of a name that is, or could be read as, the same."""
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            leaf_file = is_file and depth == len(parts)
            key = self._comparable(path)
            before, was_file = self._kinds.get(key, (path, leaf_file))
            if before != path:
                raise BundleError(
                    f"'{shown(path)}' and '{shown(before)}' differ only by case or spelling.",
                    code="bad_name",
                    entry=path,
                    hint="Rename one: not every file system can hold both.",
                )
            if key in self._kinds and (leaf_file or was_file):
                raise BundleError(
                    f"'{shown(path)}' is in the archive twice.",
                    code="bad_name",
                    entry=path,
                    hint="Make the archive again from the folder, so that each name is in it once.",
                )
            self._kinds[key] = (path, leaf_file)
        if len(self._kinds) > self._limits.files + self._limits.folders:
            raise _too_large(f"The archive holds more than {self._limits.folders} folders.", "/".join(parts))

    def _comparable(self, path: str) -> str:
        return unicodedata.normalize("NFC", path.casefold()) if self._limits.portable else path


def tree_digest(files: Iterable[tuple[str, str]]) -> str:
    """The tree's address: SHA-256 over its sorted `sha256  name` lines. Names hold no line ends."""
    digest = hashlib.sha256()
    for name, content in sorted(files, key=lambda file: file[0].encode()):
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def shown(name: str) -> str:
    """A hostile name, fit to stand in a message."""
    text = name if len(name) <= 120 else f"{name[:117]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _checked_parts(name: str, limits: TreeLimits) -> tuple[str, ...]:
    name = name.removeprefix("./")
    parts = tuple(name.split("/"))
    fault = _name_fault(name, parts, limits)
    if fault is not None:
        what, remedy = fault
        raise BundleError(f"The name '{shown(name)}' {what}.", code="bad_name", entry=name, hint=remedy)
    return parts


def _name_fault(name: str, parts: tuple[str, ...], limits: TreeLimits) -> tuple[str, str] | None:
    inside = "Make the archive from inside the folder: `zip -r ../bundle.zip .` or `tar czf ../bundle.tar.gz .`"
    if name.startswith("/"):
        return "is absolute", inside
    if "\\" in name:
        return "has a backslash", "Make the archive with forward slashes between folders."
    if ".." in parts:
        return "leaves the bundle", inside
    if "" in parts or "." in parts:
        return "has an empty part", inside
    if any(unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" for char in name):
        return "has invisible characters", "Rename the file: letters, digits, '-', '_' and '.' are safe."
    if limits.portable and unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's composed form (NFC)", "Rename the file without accents, or zip it on Linux."
    if len(parts) > limits.depth:
        return f"is more than {limits.depth} folders deep", "Flatten the folder."
    if len(name.encode()) > limits.path_bytes or any(len(part.encode()) > limits.name_bytes for part in parts):
        return f"is longer than {limits.name_bytes} bytes, or its path than {limits.path_bytes}", "Shorten it."
    return None


def _too_large(message: str, entry: str) -> BundleError:
    hint = "Leave out data, caches and virtual environments: the bundle is for source code."
    return BundleError(message, code="too_large", entry=entry, hint=hint)


def _size(count: int) -> str:
    return f"{count // MIB} MB" if count >= MIB else f"{count} bytes"
