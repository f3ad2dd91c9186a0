"""Copies of folders that a box's uid could not reach where they are, for boxes without a mount namespace.

The platform's home is 0700, often below another 0700 home. Below a folder that nobody may list, each copy has a name
nobody can guess; what may be read is Landlock's to say.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

_PREFIX: Final = "stoa-boxes-"


class Showcase:
    """The copies of one launcher. `close` removes them, and so does the next start after a crash."""

    def __init__(self) -> None:
        place = Path(os.path.realpath(tempfile.gettempdir()))
        _sweep(place)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
        self._folder.chmod(0o711)
        self._copies: dict[Path, Path] = {}

    def show(self, source: Path) -> Path:
        """The copy of `source`, made at the first call. Sources are content-addressed: they never change."""
        copy = self._copies.get(source)
        if copy is None:
            copy = self._folder / secrets.token_hex(16)
            shutil.copytree(source, copy, copy_function=_link_or_copy)
            for path in (copy, *copy.rglob("*")):
                if path.is_dir():
                    path.chmod(0o555)
            self._copies[source] = copy
        return copy

    def close(self) -> None:
        _remove(self._folder)


def _link_or_copy(source: str, target: str) -> None:
    """A second name costs nothing, but only where everyone may read the file and it is on the same file system."""
    if os.stat(source).st_mode & 0o004:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    os.chmod(target, 0o444)


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and folder.stat().st_uid == os.geteuid():
            _remove(folder)


def _remove(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
