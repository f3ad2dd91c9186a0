"""What `stoa doctor` says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should have decided it."""
    ERROR = "error"
    """Something does not work, or a wall is missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    message: str
    remedy: str = ""
    """What to do; empty where nothing is to be done."""

    def as_json(self) -> dict[str, str]:
        return {"check": self.check, "level": self.level.value, "message": self.message, "remedy": self.remedy}
