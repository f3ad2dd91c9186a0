"""Reading server-sent events: lines in, events out (PROTOCOL H-05)."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

__all__ = ("Event", "events")


@dataclass(frozen=True, slots=True)
class Event:
    data: str
    name: str = "message"
    id: str | None = None


async def events(lines: AsyncIterable[str]) -> AsyncIterator[Event]:
    """The events in a stream of lines; comments, empty events and a last unfinished one are left out."""
    data: list[str] = []
    name, identifier = "message", None
    async for line in lines:
        if not line:
            if any(data):
                yield Event("\n".join(data), name, identifier)
            data, name, identifier = [], "message", None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id":
            identifier = value
