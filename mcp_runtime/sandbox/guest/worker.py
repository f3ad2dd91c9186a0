"""The guest: load the tenant's server into the closed box, then answer calls until told to go (SANDBOX 0.1, 4).

`boot` has closed the box and set environment and path before `run` is called. Everything here runs beside tenant
code in one process: it is there to work, not to protect. Whoever is on the other end of the sockets believes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.framework import aliases
from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import entrypoint, frames, output
from mcp_runtime.sandbox.guest.channel import Channel
from mcp_runtime.sandbox.guest.commands import Command
from mcp_runtime.sandbox.guest.exchange import CallExchange
from mcp_runtime.sandbox.guest.failures import LoadError, explain
from mcp_runtime.sandbox.guest.frames import Frame, Kind
from mcp_runtime.sandbox.guest.link import Link
from mcp_runtime.sandbox.guest.threads import ThreadPool

if TYPE_CHECKING:
    from mcp_runtime.framework import FastMCP

CODE = "/app"
_MOST_THREADS = 32


def run(sock: socket.socket, claim: Mapping[str, Any]) -> None:
    """Serve until the host says BYE or goes away. `sock` is the runner's; `claim` the payload of its CLAIM frame,
    with `code` when the bundle is not at /app. Does not return."""
    output.capture()
    aliases.install()
    limits = msgspec.convert(claim.get("limits", {}), WorkerLimits)
    code = Path(claim.get("code") or CODE)
    command = None
    try:
        if claim.get("command"):
            command = Command(claim["command"], code, claim.get("dependencies"), claim.get("node"))
        server = entrypoint.load(claim["entrypoint"], code) if command is None else command.server
    except LoadError as error:
        _refuse(sock, error)
    gc.enable()  # a zygote forks with the collector off, and with everything of its own out of its reach
    asyncio.run(_Worker(server, code, limits, command).serve(sock, describe=claim.get("describe", True)))


def _refuse(sock: socket.socket, error: LoadError) -> None:
    sock.setblocking(True)
    with contextlib.suppress(OSError):
        sock.sendall(frames.encode(Kind.ERROR, 0, "", error.as_payload()))
    os._exit(1)


class _Worker:
    def __init__(self, server: FastMCP, code: Path, limits: WorkerLimits, command: Command | None) -> None:
        self._server = server
        self._command = command
        self._code = code
        self._limits = limits
        self._over = asyncio.Event()
        self._channels: dict[int, tuple[Link, Channel]] = {}
        self._attached = 0

    async def serve(self, sock: socket.socket, *, describe: bool) -> None:
        from mcp_runtime.framework import serving

        asyncio.get_running_loop().set_default_executor(
            ThreadPool(min(_MOST_THREADS, self._limits.calls_in_flight), "worker")
        )
        try:
            await self._server.start()
            if describe and self._command is not None:
                await self._command.introduce()
            # The schemas of all components take longer than loading them: only for who asks.
            manifest = await serving.describe(self._server) if describe else None
            ready = frames.encode(Kind.READY, 0, "", manifest)
        except BaseException as error:  # noqa: BLE001
            # The lifespan, factories and providers are tenant code: anything may come out of them.
            _refuse(sock, explain(error, self._code))
        runner = self._attach(sock, primary=True)
        runner.send(ready)
        await self._over.wait()
        with contextlib.suppress(BaseException):  # the tenant's own clean-up may fail as it likes
            await self._server.stop()
        # Not a normal exit: a thread of the tenant's may never end, and atexit handlers are the tenant's too.
        os._exit(0)

    def _attach(self, sock: socket.socket, *, primary: bool = False) -> Link:
        """Serve calls on a socket: the runner's own, or one that it sent for a gateway."""
        self._attached = number = self._attached + 1

        def received(body: memoryview) -> None:
            frame = frames.decode(body)
            if primary and frame.kind in (Kind.ATTACH, Kind.BYE):
                self._told(link, frame)
            else:
                channel.receive(frame)

        def closed(error: Exception | None) -> None:
            if primary:
                os._exit(0)  # the runner has gone; nobody could stop us any more
            channel.close()
            del self._channels[number]

        link = Link(sock, on_frame=received, on_closed=closed, descriptors=primary)
        channel = Channel(link, self._call)
        self._channels[number] = (link, channel)
        return link

    def _told(self, link: Link, frame: Frame) -> None:
        if frame.kind == Kind.BYE:
            self._over.set()
            return
        descriptor = link.take_descriptor()
        if descriptor is not None:
            self._attach(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=descriptor))

    async def _call(self, method: str, params: dict[str, Any], exchange: CallExchange) -> object:
        from mcp_runtime.framework import serving

        return await serving.serve(self._server, method, params, exchange)
