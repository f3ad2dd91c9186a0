"""A gateway without a network in between: one request in, its answer out."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.transports.asgi import Message
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.world import ADA

Headers = list[tuple[bytes, bytes]]

SECONDS = 10.0
"""After so long an input counts as a hang; nearly all of them are answered in less than a millisecond."""


class FrontDoor:
    """Everything but the headers that let a caller in is the caller's."""

    def __init__(self) -> None:
        world = the_world.build()
        world.server.raw = b'{"content":[]}'
        world.server.release.set()
        options = GatewaySettings(public_url="https://mcp.example.com")
        self._gateway = Gateway(world.catalogue, world.credentials, world.sandboxes, options, outlet=lambda lines: None)
        self._server = world.server
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._gateway.aclose())
        self._runner.__exit__(kind, error, trace)

    def ask(
        self, body: bytes, headers: Headers, *, method: str = "POST", door: str = "mcp", query: bytes = b""
    ) -> tuple[int | None, bytes]:
        """Status and body of the answer; no status where nobody stayed to hear it. Raises TimeoutError for a hang."""
        return self._runner.run(asyncio.wait_for(self._exchange(body, headers, method, door, query), SECONDS))

    async def _exchange(
        self, body: bytes, headers: Headers, method: str, door: str, query: bytes
    ) -> tuple[int | None, bytes]:
        sent: list[Message] = []
        # Who asks for a second message waits for the client to hang up, which ends every stream.
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            sent.append(message)

        path = f"/t/acme/weather/{door}"
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [
                (b"host", b"mcp.example.com"),
                (b"authorization", f"Bearer {ADA}".encode()),
                (b"content-type", b"application/json"),
                *headers,
            ],
        }
        await self._gateway(scope, receive, send)
        self._server.calls.clear()
        if not sent:
            return None, b""
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
