"""The Python that runs in the boxes, and which of the host's files it needs.

Asked of the interpreter itself, started as a box starts it (`-I -S`): a virtual environment, a Python in somebody's
home and the system's all answer for themselves.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mcp_runtime.sandbox.launchers.base import LaunchError

_QUESTIONS = """
import json, os, sys, sysconfig
with open("/proc/self/maps") as maps:
    mapped = sorted({line.split(None, 5)[5].strip() for line in maps if ".so" in line})
try:
    import ssl
    where = ssl.get_default_verify_paths()
    certificates = [where.openssl_cafile, where.openssl_capath]
except ImportError:
    certificates = []
print(json.dumps({
    "executable": os.path.realpath(sys.executable), "version": sys.version_info[:2],
    "path": [entry for entry in sys.path if os.path.exists(entry)], "libraries": mapped,
    "multiarch": sysconfig.get_config_var("MULTIARCH") or "", "certificates": certificates,
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    executable: str
    """The real file, with no link on the way."""
    version: tuple[int, int]
    path: tuple[str, ...]
    """Its standard library: sys.path without site, existing entries only."""
    libraries: tuple[str, ...]
    """The shared libraries that it has mapped."""
    multiarch: str
    """The folder name of Debian's library folders, such as x86_64-linux-gnu."""
    certificates: tuple[str, ...]
    """Where its OpenSSL looks for the certificates of authorities."""

    def command(self, script: Path, argument: str) -> list[str]:
        """Start `script` with neither site, .pth files nor PYTHON* variables, and write no .pyc."""
        return [self.executable, "-I", "-S", "-B", "-X", "utf8", str(script), argument]


def running() -> Interpreter:
    """The interpreter of this process, without its virtual environment."""
    return inspect(os.path.realpath(sys.executable))


@functools.cache
def inspect(executable: str) -> Interpreter:
    """Raises LaunchError when `executable` is no Python that starts."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-S", "-B", "-c", _QUESTIONS],
            env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True,
        )  # fmt: skip
        found = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LaunchError("interpreter", f"{executable} does not start as a Python interpreter: {error}") from error
    return Interpreter(
        executable=found["executable"],
        version=(found["version"][0], found["version"][1]),
        path=tuple(found["path"]),
        libraries=tuple(found["libraries"]),
        multiarch=found["multiarch"],
        certificates=tuple(found["certificates"]),
    )


def reachable(path: str | Path, uid: int) -> bool:
    """Whether a process of `uid`, in no group of ours, could read `path`: every folder on the way lets others pass."""
    real = Path(os.path.realpath(path))
    for step in (real, *real.parents):
        try:
            status = step.stat()
        except OSError:
            return False
        mode = status.st_mode >> 6 if status.st_uid == uid else status.st_mode
        if not mode & (0o4 if step == real and not step.is_dir() else 0o1):
            return False
    return True
