"""The build port: lock and install what a revision requires, in a sandbox (SANDBOX 5)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class BuildRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one revision needs installed. The lines are the tenant's, unchecked."""

    tenant_id: str
    requirements: tuple[str, ...] = ()
    """Requirement lines without comments: `name[extras] specifiers ; marker`. Anything else is refused."""
    python: str | None = None
    """A `requires-python` range such as `>=3.11`; None suits any."""
    own_process: bool = False
    """For a command: nothing of the platform is in its process, so nothing counts as provided, or is pinned."""
    package_json: str | None = None
    """For a command in JavaScript: its `package.json`, whose packages are installed in place of any others."""
    package_lock: str | None = None
    """Its `package-lock.json`, which is then kept to."""
    lock: str | None = None
    """The lock of an earlier build: install exactly this and resolve nothing."""


class BuildResult(msgspec.Struct, frozen=True):
    """What was installed. Keep `lock` with the revision: a rebuild starts from it alone."""

    dependencies: str | None = None
    """Digest in the store (`<store>/dependencies/<digest>`); None when nothing had to be installed."""
    lock: str = ""
    """Every package with its version and hashes, as `uv pip compile --generate-hashes` writes it."""


class BuildFailed(Exception):
    """The dependencies cannot be installed. The deployer reads this: what is wrong and what to do."""

    def __init__(self, message: str, *, code: str = "build_failed", hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """Stable: bad_requirement, python_mismatch, unknown_package, no_wheel, conflict, no_such_version,
        index_unreachable, too_large, timeout, bad_lock, build_unavailable or build_failed."""
        self.hint = hint
        self.detail = detail
        """The installer's own text, its last lines, at most 8 kB."""


LineSink = Callable[[str], None]
"""Receives the build log, line by line, in the order it was written. Must not block."""
