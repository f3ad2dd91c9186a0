"""What a template's parameters may hold (FASTMCP R-11; a later spelling lets authors choose)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ("SAFE", "ResourceSecurity")

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")


@dataclass(frozen=True, slots=True)
class ResourceSecurity:
    """Values that could lead a function out of the folder it means match no template; parameters may be exempted."""

    reject_path_traversal: bool = True
    reject_absolute_paths: bool = True
    reject_null_bytes: bool = True
    exempt_params: Collection[str] = frozenset()

    def allows(self, values: Mapping[str, str]) -> bool:
        """Whether every value may reach the function."""
        return all(name in self.exempt_params or self._is_harmless(value) for name, value in values.items())

    def _is_harmless(self, value: str) -> bool:
        path = value.replace("\\", "/")
        return not (
            (self.reject_null_bytes and "\0" in value)
            or (self.reject_path_traversal and ".." in path.split("/"))
            or (self.reject_absolute_paths and (path.startswith("/") or _DRIVE.match(value) is not None))
        )


SAFE = ResourceSecurity()
"""What holds where nobody says otherwise."""
