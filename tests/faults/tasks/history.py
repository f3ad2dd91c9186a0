"""What happened, in order, as those saw it to whom it happened: clients and whoever injured the platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tests.support.clock import machine_seconds


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform has answered a call with a task."""

    at: float
    task: str
    key: str
    """What the client called it with; a result names it."""
    tool: Literal["again", "once"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A client has read a task."""

    at: float
    task: str
    status: str
    message: str = ""
    """What the tool said last: its run, and the step."""
    key: str = ""
    run: str = ""
    """Of the result: the key that the tool was called with, and the run that it comes from."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The platform has answered that there is no such task."""

    at: float
    task: str


@dataclass(frozen=True, slots=True)
class Injured:
    at: float
    fault: str


@dataclass(frozen=True, slots=True)
class Healed:
    """The fault is over from here: what was frozen or held back goes on."""

    at: float
    fault: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The client waits no longer."""

    at: float
    task: str


Event = Accepted | Seen | Unknown | Injured | Healed | GaveUp


class History:
    """Kept in memory, and a line of JSON for each event in a file."""

    def __init__(self, file: Path | None = None, now: Callable[[], float] = machine_seconds) -> None:
        self.events: list[Event] = []
        self.now = now
        self._file = file

    def add(self, event: Event) -> None:
        self.events.append(event)
        if self._file is not None:
            with self._file.open("a") as lines:
                lines.write(json.dumps({"event": type(event).__name__, **asdict(event)}) + "\n")
