"""Several versions of one component: which is the highest, and which ones are meant (a later spelling of FASTMCP)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

__all__ = ("VersionSpec", "checked_version", "version_key")

_PART = re.compile(r"\d+|[A-Za-z]+")


def checked_version(version: str | float | None) -> str | None:
    """The version as text. Raises ValueError for one that a key could not carry."""
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, (str, int, float)):
        raise TypeError(f"version= is a text or a number, not {type(version).__name__}.")
    text = str(version)
    if not text or "@" in text:
        raise ValueError(f"version={text!r}: a version is not empty, and has no @ in it.")
    return text


@functools.lru_cache(maxsize=1024)
def version_key(version: str | None) -> tuple[tuple[int, int, str], ...]:
    """Orders versions: 2.0 before 10.0, 1.0-beta before 1.0, 1.0 before 1.0.1, none at all before every one."""
    if version is None:
        return ()
    parts = _PART.findall(version.removeprefix("v"))
    return (*((1, int(part), "") if part.isdigit() else (-1, 0, part) for part in parts), (0, 0, ""))


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """A range of versions: at least `gte`, below `lt`, or exactly `eq`."""

    gte: str | None = None
    lt: str | None = None
    eq: str | None = None

    def matches(self, version: str | None) -> bool:
        """Whether a component of this version is meant; one without a version never is."""
        if version is None:
            return False
        key = version_key(version)
        return (
            (self.eq is None or version == self.eq)
            and (self.gte is None or key >= version_key(self.gte))
            and (self.lt is None or key < version_key(self.lt))
        )
