"""Lock files: what `uv pip compile --generate-hashes` writes, read strictly.

A lock comes out of a box, and is kept and installed again later: it may say versions and hashes, and nothing else.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox.trees import MIB, shown

MAX_LOCK_BYTES = 4 * MIB
PLATFORM_PACKAGES = (
    "annotated-types",
    "msgspec",
    "pydantic",
    "pydantic-core",
    "typing-extensions",
    "typing-inspection",
)
"""What the runtime folder of every sandbox holds."""

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)(?: ; [ -\[\]-~]+?)? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def platform_pins() -> dict[str, str]:
    """The version of each package that the runtime brings, by canonical name."""
    return {name: importlib.metadata.version(name) for name in PLATFORM_PACKAGES}


def read(pipe: int) -> str:
    """The text of a lock that a box writes. Raises BuildFailed."""
    data = bytearray()
    while chunk := os.read(pipe, 65_536):
        data += chunk
        if len(data) > MAX_LOCK_BYTES:
            raise BuildFailed(
                f"The lock is larger than {MAX_LOCK_BYTES // MIB} MB.",
                code="too_large",
                hint="Require fewer packages.",
            )
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise _refused("it is not plain text") from error


def check(lock: str, pins: Mapping[str, str]) -> dict[str, str]:
    """The version of each package in the lock. Raises BuildFailed when it says more, or contradicts `pins`."""
    versions: dict[str, str] = {}
    for line in lock.splitlines():
        if _HASH.fullmatch(line) and versions:
            continue
        package = _PACKAGE.fullmatch(line)
        if package is None:
            raise _refused(f"the line '{shown(line)}' is neither a version nor a hash")
        name = canonicalize_name(package[1])
        versions[name] = package[2]
        if pins.get(name, package[2]) != package[2]:
            raise _refused(f"it has {name} {package[2]}, while the platform now runs {pins[name]}")
    return versions


def _refused(why: str) -> BuildFailed:
    return BuildFailed(
        f"The lock cannot be installed: {why}.", code="bad_lock", hint="Deploy again: that makes a new lock."
    )
