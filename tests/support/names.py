"""The packages whose names ours answers to, out of the way of a test that imports by those names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

from mcp_runtime.framework import aliases


@contextlib.contextmanager
def real_packages_aside() -> Iterator[None]:
    """What other tests imported of the real packages is put aside and comes back."""
    kept = _forget()
    try:
        yield
    finally:
        aliases.uninstall()
        _forget()
        sys.modules.update(kept)


def _forget() -> dict[str, ModuleType]:
    found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in aliases.TOPS}
    for name in found:
        del sys.modules[name]
    return found
