"""Which test files run on the same pytest-xdist worker: those that need the whole platform, so that one is started."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

ON_THE_PLATFORM = (
    "tests/interop/",
    "tests/browser/",
    "tests/conformance/test_conformance.py",
    "tests/controlplane/cli/test_on_a_platform.py",
    "tests/controlplane/composition/test_guide.py",
    "tests/controlplane/local/test_up.py",
)
"""Folders and files whose tests ask for `running_platform`."""


class PlatformOnce(LoadFileScheduling):
    """A file at a time to whoever is free, as `--dist loadfile` does; all of `ON_THE_PLATFORM` counts as one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the platform" if file.startswith(ON_THE_PLATFORM) else file


def check(items: list[pytest.Item]) -> None:
    """Refuse a test that would start a second platform.

    Raises:
        pytest.UsageError: One asks for `running_platform` from a file that is not in `ON_THE_PLATFORM`.
    """
    for item in items:
        asks = "running_platform" in getattr(item, "fixturenames", ())
        if asks and not item.nodeid.startswith(ON_THE_PLATFORM):
            raise pytest.UsageError(f"{item.nodeid} starts a platform: name its file in {__name__}.ON_THE_PLATFORM.")
