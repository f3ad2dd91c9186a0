"""Reading server-sent events (PROTOCOL H-05)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mcp_runtime.client.sse import Event, events


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: a\n\n", [Event("a")]),
        ("event: message\nid: 7\ndata: a\n\n", [Event("a", "message", "7")]),
        ("data: a\ndata: b\n\n", [Event("a\nb")]),
        ("data:a\n\ndata:  b\n\n", [Event("a"), Event(" b")]),
        (": keep-alive\n\ndata: a\n\n", [Event("a")]),
        ("id: 1\ndata:\n\ndata: a\n\n", [Event("", id="1"), Event("a")]),
        ("retry: 10\ndata: a\n\n", [Event("a", retry=10)]),
        ("data: unfinished", []),
    ],
    ids=["one", "named", "two lines", "one space goes", "comment", "priming event", "retry", "unfinished"],
)
@pytest.mark.protocol("H-05", "G-07")
async def test_lines_become_events(text: str, expected: list[Event]) -> None:
    async def lines() -> AsyncIterator[str]:
        for line in text.split("\n"):
            yield line

    assert [event async for event in events(lines())] == expected
