"""STOA_HOME: the one folder with everything a local installation keeps, readable by its owner alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET = 100
"""Unix socket paths end at 104 (macOS) or 108 bytes (Linux), the terminating zero included."""

ROOM_FOR_A_NAME = len("/.s.PGSQL.5432.lock") + 12


class HomeError(Exception):
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """The places inside STOA_HOME. Making one creates nothing; `create()` does."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def demo(self) -> Path:
        return self.root / "demo.json"

    @property
    def settings(self) -> Path:
        """What `up` remembers from one start to the next, such as its port."""
        return self.root / "up.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def run(self) -> Path:
        """Sockets and the list of running processes. Short even where STOA_HOME is long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) + ROOM_FOR_A_NAME <= LONGEST_SOCKET:
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        short = f"stoa-{os.getuid()}-{digest}"
        folder = Path(tempfile.gettempdir()) / short
        return folder if len(os.fsencode(folder)) + ROOM_FOR_A_NAME <= LONGEST_SOCKET else Path("/tmp") / short

    @property
    def runner_socket(self) -> Path:
        return self.run / "runner.sock"

    def everything(self) -> list[Path]:
        """All that a reset deletes. Named one by one: whatever else lies in the folder is not ours."""
        kept = (self.postgres, self.redis, self.store, self.root / "runtime", self.run)
        return [*kept, self.secrets, self.demo, self.settings]

    def tidy(self) -> None:
        """After a stop: a `run` folder elsewhere is nobody's to find later. Nothing in it matters when nothing runs."""
        if self.run.parent != self.root:
            shutil.rmtree(self.run, ignore_errors=True)

    def create(self) -> None:
        """Make the folders, 0700. A `run` folder outside STOA_HOME must be ours: its parent is everyone's."""
        for folder in (self.root, self.run, self.store):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                remedy = "Choose another folder with STOA_HOME or --home."
                raise HomeError(f"Cannot create {folder} ({error.strerror}). {remedy}") from error
        for folder in (self.root, self.run):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise HomeError(f"{folder} is not a folder of yours. Remove it, or choose another STOA_HOME.")
            folder.chmod(0o700)
