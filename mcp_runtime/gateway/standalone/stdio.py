"""`mcp.run()`: one client on standard input and output, a JSON message a line (PROTOCOL 3.3, FASTMCP X-01).

Messages are judged by the same ladder and shaped by the same code as over HTTP. Standard output is the client's alone:
what the program prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from mcp_runtime.framework.settings import settings
from mcp_runtime.gateway.standalone.banner import print_banner
from mcp_runtime.gateway.standalone.conversation import Conversation
from mcp_runtime.protocol.codec import MAX_BYTES

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

Write = Callable[[bytes], Awaitable[None]]

LAST_SECONDS = 10.0
"""How long calls may go on after the client closed its end."""


async def serve(server: FastMCP, *, show_banner: bool | None = None, log_level: str | None = None) -> None:
    """Serve until the client closes its end."""
    if log_level is not None:
        import logging

        logging.basicConfig(level=log_level.upper(), stream=sys.stderr)
    if show_banner is None:
        show_banner = settings.show_server_banner
    if show_banner:
        print_banner(server, "stdio")
    reads, writes = _take_standard_streams()
    try:
        await converse(server, _lines(reads), _writer(writes))
    finally:
        os.close(writes)


async def converse(server: FastMCP, lines: AsyncIterator[bytes | None], write: Write) -> None:
    """Answer `lines` until they end; None among them stands for one that was too long."""
    await server.start()
    conversation = Conversation(server, write)
    try:
        async for line in lines:
            if line is None:
                conversation.refuse_long(MAX_BYTES)
            elif line.strip():
                await conversation.receive(line)
        await conversation.finish(LAST_SECONDS)
    finally:
        await conversation.aclose()
        await server.stop()


def _take_standard_streams() -> tuple[int, int]:
    """Descriptors of the client's two streams. From now on nothing else writes to the one or reads from the other."""
    sys.stdout.flush()
    reads, writes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reads, writes


async def _lines(descriptor: int) -> AsyncIterator[bytes | None]:
    """Lines as they come. A thread reads, since standard input may be a file, which an event loop cannot watch."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    taken = threading.Semaphore(64)  # lines waiting to be looked at; a client that sends more has to wait

    def put(line: bytes | None) -> None:
        taken.acquire()
        loop.call_soon_threadsafe(queue.put_nowait, line)

    def read() -> None:
        try:
            with os.fdopen(descriptor, "rb") as stream:
                while line := stream.readline(MAX_BYTES + 1):
                    if len(line) <= MAX_BYTES or line.endswith(b"\n"):
                        put(line)
                        continue
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_BYTES)
                    put(None)
            put(b"")
        except RuntimeError:
            pass  # the loop is closed: nobody is interested any more

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await queue.get()) != b"":
        taken.release()
        yield line


def _writer(descriptor: int) -> Write:
    """Writes whole lines, one after the other, without stopping the loop when the client reads slowly."""
    turn = asyncio.Lock()

    def write_all(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    async def write(message: bytes) -> None:
        async with turn:
            with contextlib.suppress(OSError):  # the client is gone, which the end of its input says as well
                await asyncio.to_thread(write_all, message + b"\n")

    return write
