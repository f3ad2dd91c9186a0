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
    retry: int | None = None
    """Milliseconds to wait before reconnecting, where the server said so."""


async def events(lines: AsyncIterable[str]) -> AsyncIterator[Event]:
    """The events in a stream of lines; comments and a last unfinished event are left out.

    An event without data is given only where it carries an id or a retry: the priming of a stream (PROTOCOL G-07).
    """
    data: list[str] = []
    name, identifier, retry = "message", None, None
    async for line in lines:
        if not line:
            if any(data) or identifier is not None or retry is not None:
                yield Event("\n".join(data), name, identifier, retry)
            data, name, identifier, retry = [], "message", None, None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            identifier = value
        elif field == "retry" and value.isascii() and value.isdigit():
            retry = int(value)
