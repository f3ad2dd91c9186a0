"""The content-addressed store: bundles, code and dependencies, each under its digest, never changed (SANDBOX 5).

    <store>/bundles/<sha256>        what was uploaded, byte for byte
    <store>/code/<digest>/          it, unpacked
    <store>/dependencies/<digest>/  what a lock installs
    <store>/locks/<key>             digest of the dependencies that a lock gave

Several processes write at once: each prepares its entry beside its final place and renames it there; whoever comes
second throws his away. Entries are readable by all (workers run under uids of their own), the folders above them
can be passed but not listed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, Literal

from mcp_runtime.sandbox import bundle
from mcp_runtime.sandbox.trees import BundleError

Kind = Literal["bundles", "code", "dependencies", "locks"]
_KINDS: tuple[Kind, ...] = ("bundles", "code", "dependencies", "locks")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAGING = ".staging-"
STALE_SECONDS = 6 * 3600.0
"""Half-made entries of this age belong to a process that died."""


class Store:
    """The store below `root`. Cheap to make; keeps nothing open."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folders, and remove what processes that died left half-made. Idempotent."""
        for folder in (self.root, *(self.root / kind for kind in _KINDS)):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            folder.chmod(0o711)
        for kind in _KINDS:
            for entry in (self.root / kind).glob(f"{_STAGING}*"):
                if time.time() - entry.lstat().st_mtime > STALE_SECONDS:
                    discard(entry)

    def path(self, kind: Kind, digest: str) -> Path:
        """Where an entry is, or would be. Raises ValueError for anything that is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"'{digest[:80]}' is not a digest: 64 hexadecimal digits are.")
        return self.root / kind / digest

    def has(self, kind: Kind, digest: str) -> bool:
        return self.path(kind, digest).exists()

    def add_bundle(self, file: BinaryIO) -> str:
        """Keep an uploaded file; return its SHA-256. Raises BundleError when it is too large."""
        digest = hashlib.sha256()
        size = 0
        with self.staging("bundles") as staged:
            with (staged / "file").open("xb") as copy:
                while chunk := file.read(1024 * 1024):
                    size += len(chunk)
                    if size > bundle.MAX_ARCHIVE_BYTES:
                        raise BundleError(
                            f"The archive is larger than {bundle.MAX_ARCHIVE_BYTES // (1024 * 1024)} MB.",
                            code="too_large",
                            hint="Leave out data, caches and virtual environments: the bundle is for source code.",
                        )
                    digest.update(chunk)
                    copy.write(chunk)
            self.publish("bundles", staged / "file", digest.hexdigest())
        return digest.hexdigest()

    def add_code(self, file: BinaryIO, filename: str) -> bundle.Bundle:
        """Unpack a bundle into the store. Raises BundleError."""
        with self.staging("code") as staged:
            unpacked = bundle.unpack(file, filename, staged / "tree")
            self.publish("code", staged / "tree", unpacked.digest)
        return unpacked

    def dependencies_of(self, lock_key: str) -> str | None:
        """The digest that `remember` noted for a lock, if it is still in the store."""
        try:
            digest = self.path("locks", lock_key).read_text()
        except FileNotFoundError:
            return None
        return digest if _DIGEST.fullmatch(digest) and self.has("dependencies", digest) else None

    def remember(self, lock_key: str, digest: str) -> None:
        """Note which dependencies a lock gave. Only a shortcut: a note that is lost costs one build."""
        with self.staging("locks") as staged:
            (staged / "note").write_text(digest)
            (staged / "note").replace(self.path("locks", lock_key))

    @contextmanager
    def staging(self, kind: Kind) -> Iterator[Path]:
        """A private folder beside the entries of `kind`, gone at the end."""
        staged = Path(mkdtemp(prefix=_STAGING, dir=self.root / kind))
        try:
            yield staged
        finally:
            discard(staged)

    def publish(self, kind: Kind, staged: Path, digest: str) -> Path:
        """Close `staged`, write it to disk and move it to its place. When it is there already, nothing happens."""
        final = self.path(kind, digest)
        if final.exists():
            return final
        # A folder can change its parent only while its owner may write to it, so it is closed after the move.
        beside = final.with_name(f"{staged.parent.name}.ready")
        staged.rename(beside)
        try:
            _close(beside)
            if beside.is_dir():
                beside.rename(final)
            else:
                beside.replace(final)
        except OSError:
            # Another process moved the same content here first; a full folder is not replaced.
            discard(beside)
            if not final.exists():
                raise
        _sync(final.parent)
        return final


def discard(path: Path) -> None:
    """Remove a file or folder, whatever its modes."""
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path):
            os.chmod(folder, 0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _close(path: Path) -> None:
    """Read-only for all, and on disk: a name in the store never stands for less than its content."""
    if not path.is_dir():
        path.chmod(0o444)
        _sync(path)
        return
    files: list[Path] = []
    folders: list[Path] = []
    for folder, _, names in os.walk(path):
        folders.append(Path(folder))
        files.extend(Path(folder, name) for name in names)
    with ThreadPoolExecutor(max_workers=8) as pool:  # file systems write many syncs at once as one
        list(pool.map(_sync, files))
    for directory in reversed(folders):
        _sync(directory)
        directory.chmod(0o555)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
