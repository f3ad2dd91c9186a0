"""What a worker hears while the store of its state is away."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mcp_runtime.gateway.kept_state import RememberingSandboxes
from mcp_runtime.ports.sandboxes import Asker, UpstreamError
from mcp_runtime.ports.sessions import SessionsUnavailable
from mcp_runtime.ports.state import STATE_GET
from mcp_runtime.ports.workers import Caller
from tests.mcp_runtime.gateway.world import worker


class Away:
    """A store that comes back after so many attempts."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    async def kept(self, area: str, key: str) -> bytes | None:
        self.attempts -= 1
        if self.attempts >= 0:
            raise SessionsUnavailable("Redis cannot be reached.")
        return b"7"


class Asks:
    """A worker that asks for its state, and answers what it was told."""

    async def call(self, *_: Any, asker: Asker, **__: Any) -> msgspec.Raw:
        return await asker(STATE_GET, msgspec.Raw(b'{"key":"step"}'))


async def ask(attempts: int, patience: float) -> msgspec.Raw:
    store: Any = Away(attempts)
    sandboxes: Any = Asks()
    remembering = RememberingSandboxes(sandboxes, store, patience=patience)
    return await remembering.call(
        worker("srv_1"), "tools/call", msgspec.Raw(b"{}"), caller=Caller("req_1", "ada", "test")
    )


async def test_who_has_patience_waits_until_it_is_back() -> None:
    assert bytes(await ask(1, patience=60.0)) == b'{"value":7}'


async def test_who_has_none_is_told_at_once() -> None:
    with pytest.raises(UpstreamError, match="cannot be reached at the moment: try again"):
        await ask(1, patience=0.0)


async def test_patience_ends() -> None:
    with pytest.raises(UpstreamError, match="cannot be reached at the moment"):
        await ask(1_000_000, patience=0.1)
