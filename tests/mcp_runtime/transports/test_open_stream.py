"""A stream that stays open, and how it says goodbye."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp_runtime.transports.open_stream import COME_BACK, OpenStream


async def test_who_is_sent_away_is_told_to_come_back() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    async with OpenStream(receive, send, heartbeat=60) as stream:
        stream.send_away()
        assert not await stream.wait()

    assert sent[-1] == {"type": "http.response.body", "body": COME_BACK, "more_body": False}
