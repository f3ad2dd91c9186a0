"""Boxes with a guest of the tests' own: it takes the RPC socket over while it is imported and runs what it is sent."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import frames, landlock
from mcp_runtime.sandbox.guest.frames import Kind
from mcp_runtime.sandbox.launchers.base import Handle, SandboxSpec
from mcp_runtime.sandbox.launchers.bubblewrap import BubblewrapLauncher
from mcp_runtime.sandbox.launchers.forking import ForkingLauncher
from mcp_runtime.sandbox.launchers.landlock import LandlockLauncher
from mcp_runtime.sandbox.launchers.zygote import ZygoteLauncher

SHELL = """
import socket
import msgspec
from mcp_runtime.sandbox.guest import frames

_sock = socket.socket(fileno=3)

def _read(count):
    data = b""
    while len(data) < count:
        part = _sock.recv(count - len(data))
        if not part:
            raise SystemExit
        data += part
    return data

while True:
    _frame = frames.decode(_read(int.from_bytes(_read(4), "big")))
    _names = {}
    try:
        exec(msgspec.json.decode(_frame.payload), _names)
        _answer = frames.encode(frames.Kind.RESULT, _frame.id, "", _names.get("answer"))
    except BaseException as error:
        _answer = frames.encode(frames.Kind.ERROR, _frame.id, "", f"{type(error).__name__}: {error}")
    _sock.sendall(_answer)
"""

LAUNCHERS: dict[str, type[ForkingLauncher]] = {
    "zygote": ZygoteLauncher,
    "bubblewrap": BubblewrapLauncher,
    "landlock": LandlockLauncher,
}
ANSWER_SECONDS = 30.0
LIMITS = WorkerLimits(memory_mb=128, tmp_mb=4, tmp_inodes=64, file_mb=2, open_files=64)


@functools.cache
def launchers_here() -> tuple[str, ...]:
    """What this machine has the kernel features and the tools for, whatever our own self-tests say."""
    found = []
    if _may_make_user_namespaces():
        found.append("zygote")
    if shutil.which("bwrap"):
        found.append("bubblewrap")
    if landlock.abi() >= 6:
        found.append("landlock")
    return tuple(found)


def _may_make_user_namespaces() -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class GuestError(Exception):
    """What the code in the box raised, as text."""


class Guest:
    """A claimed box. `run` executes Python inside; the value of `answer` comes back."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        assert handle.rpc is not None
        self._rpc = handle.rpc

    async def claim(self, **env: str) -> None:
        assert (await self.receive()).kind == Kind.HELLO
        await self.send(Kind.CLAIM, {"entrypoint": "server.py", "env": env, "limits": LIMITS, "egress": False})

    async def run(self, code: str) -> Any:
        await self.start(code)
        frame = await self.receive()
        value = msgspec.json.decode(frame.payload)
        if frame.kind == Kind.ERROR:
            raise GuestError(value)
        return value

    async def start(self, code: str) -> None:
        """Have it run, and do not wait for an answer."""
        await self.send(Kind.CALL, code)

    async def send(self, kind: Kind, payload: object) -> None:
        await asyncio.get_running_loop().sock_sendall(self._rpc, frames.encode(kind, 1, "", payload))

    async def receive(self) -> frames.Frame:
        async with asyncio.timeout(ANSWER_SECONDS):
            length = int.from_bytes(await self._exactly(4), "big")
            return frames.decode(await self._exactly(length))

    async def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = await asyncio.get_running_loop().sock_recv(self._rpc, count - len(data))
            if not part:
                raise EOFError("The box has ended.")
            data += part
        return data


class Boxes:
    """A launcher, and boxes with the tests' shell in them."""

    def __init__(self, launcher: ForkingLauncher, runtime: Path, folder: Path) -> None:
        self.launcher = launcher
        self.name = launcher.name
        self.folder = folder
        self.spec = SandboxSpec(runtime_dir=runtime, limits=LIMITS, code_dir=self.code("server.py", SHELL))
        self._guests: list[Guest] = []

    @property
    def has_own_files(self) -> bool:
        """Whether a box has a file tree of its own."""
        return self.launcher.level == "namespace"

    def code(self, name: str, text: str) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        folder.chmod(0o755)
        (folder / name).write_text(text)
        return folder

    async def guest(self, *, env: dict[str, str] | None = None, **changes: Any) -> Guest:
        guest = Guest(await self.launcher.spawn(dataclasses.replace(self.spec, **changes)))
        self._guests.append(guest)
        await guest.claim(**(env or {}))
        return guest

    async def aclose(self) -> None:
        await self.launcher.aclose()
        for guest in self._guests:
            if guest.handle.rpc is not None:
                guest.handle.rpc.close()
