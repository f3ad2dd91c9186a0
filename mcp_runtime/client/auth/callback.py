"""The address on this machine to which the browser brings the answer of a log-in (RFC 8252 section 7.3)."""

from __future__ import annotations

import asyncio
import html
import socket
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from mcp_runtime.client.auth.errors import OAuthError

__all__ = ("CallbackServer", "free_port")

_MOST_BYTES = 64 * 1024
_PATH = "/callback"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class CallbackServer:
    """Listens on 127.0.0.1 while it is open; only the first answer with the expected `state` counts."""

    def __init__(self, port: int, state: str) -> None:
        self._port = port
        self._state = state
        self._answer: asyncio.Future[dict[str, str]] | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=_MOST_BYTES)
        except OSError as error:
            raise OAuthError(
                f"The log-in cannot come back to port {self._port}: {error.strerror}. Choose another callback_port=."
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def answer(self, seconds: float) -> dict[str, str]:
        """The parameters the browser brought. Raises OAuthError after `seconds`."""
        assert self._answer is not None  # it is open
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError as error:
            raise OAuthError(f"Nobody logged in within {seconds:g} s.") from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            status, text = self._judged(head)
            body = _PAGE.format(text=html.escape(text)).encode()
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
                "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # not a browser with an answer
        finally:
            writer.close()

    def _judged(self, head: bytes) -> tuple[str, str]:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        target = urlsplit(words[1].decode("latin-1")) if len(words) == 3 and words[0] == b"GET" else None
        if target is None or target.path != _PATH:
            return "404 Not Found", "There is nothing here."
        pairs = parse_qsl(target.query, keep_blank_values=True)
        parameters = dict(pairs)
        if len(parameters) < len(pairs) or parameters.get("state") != self._state:
            return "400 Bad Request", "This is not the answer to a log-in begun here."
        assert self._answer is not None  # it is open
        if not self._answer.done():
            self._answer.set_result(parameters)
        if "error" in parameters:
            return "200 OK", "The log-in did not succeed. You may close this page."
        return "200 OK", "You are logged in. You may close this page."


_PAGE = '<!doctype html><meta charset="utf-8"><title>Log-in</title><p>{text}</p>'
