"""The runner's side of the egress proxy: starts the process, gives each worker a socket, restarts what dies.

The runner makes the listening sockets and hands them over. So the proxy needs no folder of its own, and a proxy that
died is replaced behind sockets that stay where sandboxes have them mounted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import msgspec

import mcp_runtime
from mcp_runtime.sandbox.egress.settings import (
    MAX_MESSAGE,
    Close,
    Closed,
    EgressLimits,
    FromProxy,
    Open,
    Refusal,
    ToProxy,
)
from mcp_runtime.sandbox.egress.targets import Grant

BACKLOG = 128
MAX_SOCKET_PATH = 100
CLOSE_SECONDS = 2.0
STOP_SECONDS = 3.0
RESTART_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before the first, second … restart in a row."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Opened:
    listener: socket.socket
    path: Path
    message: Open


class EgressProxy:
    """One proxy process. `folder` is private to the runner; sockets are made in it.

    A worker can reach its socket only where a launcher mounts it: the socket is open to every uid, the folder is not.
    """

    def __init__(self, folder: Path, *, on_refusal: Callable[[Refusal], None] | None = None) -> None:
        self._folder = folder
        self._own_folder = False
        self._on_refusal = on_refusal or _log_refusal
        self._opened: dict[str, _Opened] = {}
        self._closing: dict[str, asyncio.Future[int]] = {}
        self._outbox: deque[tuple[bytes, socket.socket | None]] = deque()
        self._control: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process. Idempotent. Raises OSError when it cannot be started."""
        if self._watcher is not None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(os.fsencode(self._folder)) + 24 > MAX_SOCKET_PATH:  # the kernel takes no longer socket path
            self._folder = Path(mkdtemp(prefix="stoa-egress-"))
            self._own_folder = True
        self._folder.chmod(0o700)
        for stale in self._folder.glob("*.sock"):
            stale.unlink(missing_ok=True)
        await self._launch()
        self._watcher = asyncio.create_task(self._keep_running())

    async def open(
        self,
        worker_id: str,
        hosts: Iterable[str],
        trusted_hosts: Iterable[str] = (),
        *,
        limits: EgressLimits = EgressLimits(),  # noqa: B008  # frozen
    ) -> Path:
        """A socket through which `worker_id`, and nobody else, reaches these hosts. Raises ValueError for a bad host.

        `hosts` are the tenant's: names that must resolve to public addresses. `trusted_hosts` are the operator's, such
        as the package index of builds: they may be anywhere. Both are spelled as `Grant.parse` reads them.
        """
        if self._watcher is None:
            raise RuntimeError("The egress proxy is not started.")
        message = Open(worker_id, tuple(hosts), tuple(trusted_hosts), limits)
        for host in (*message.hosts, *message.trusted):
            Grant.parse(host)
        if len(msgspec.json.encode(message)) > MAX_MESSAGE:
            raise ValueError("That are too many hosts for one server. Grant a *.suffix instead of each name.")
        if worker_id in self._opened:
            await self.close(worker_id)
        path = self._folder / f"{secrets.token_hex(8)}.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(BACKLOG)
        self._opened[worker_id] = _Opened(listener, path, message)
        self._send(message, listener)
        return path

    async def close(self, worker_id: str) -> int:
        """Cut the worker's connections, remove its socket; return the bytes it moved. Unknown workers moved none."""
        opened = self._opened.pop(worker_id, None)
        if opened is None:
            return 0
        opened.path.unlink(missing_ok=True)
        opened.listener.close()
        future = self._closing[worker_id] = asyncio.get_running_loop().create_future()
        self._send(Close(worker_id))
        try:
            return await asyncio.wait_for(future, CLOSE_SECONDS)
        except TimeoutError:
            return 0  # the proxy just died; the next one never hears of this worker
        finally:
            self._closing.pop(worker_id, None)

    async def aclose(self) -> None:
        """Stop the process and remove every socket. Idempotent."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        watcher.cancel()
        self._disconnect()
        if self._process is not None:
            await _end(self._process)
        for opened in self._opened.values():
            opened.listener.close()
            opened.path.unlink(missing_ok=True)
        self._opened.clear()
        if self._own_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", str(__package__), str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                cwd="/",
                env={
                    "PATH": os.defpath,
                    "PYTHONPATH": str(Path(mcp_runtime.__file__).parent.parent),
                    "RES_OPTIONS": "timeout:2 attempts:2",
                },
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        self._outbox.clear()
        asyncio.get_running_loop().add_reader(ours, self._receive)
        for opened in self._opened.values():
            self._send(opened.message, opened.listener)

    def _disconnect(self) -> None:
        if self._control is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._control)
            loop.remove_writer(self._control)
            self._control.close()
            self._control = None

    async def _keep_running(self) -> None:
        """Replace the process when it ends. A worker's connections are lost then, its socket is not."""
        failures = 0
        loop = asyncio.get_running_loop()
        while self._process is not None:
            started = loop.time()
            status = await self._process.wait()
            self._disconnect()
            failures = 0 if loop.time() - started > 60 else failures + 1
            _log.error("The egress proxy ended with status %s; starting another.", status)
            await asyncio.sleep(RESTART_SECONDS[min(failures, len(RESTART_SECONDS)) - 1])
            await self._launch()

    def _send(self, message: ToProxy, listener: socket.socket | None = None) -> None:
        if self._control is not None:  # else the next process is told when it starts
            self._outbox.append((msgspec.json.encode(message), listener))
            self._flush()

    def _flush(self) -> None:
        """Send what waits; come back when the socket has room. A message is one packet, whole or not at all."""
        if self._control is None:
            return
        loop = asyncio.get_running_loop()
        while self._outbox:
            data, listener = self._outbox[0]
            try:
                if listener is None:
                    self._control.send(data)
                elif listener.fileno() >= 0:  # else the worker was closed while this waited
                    socket.send_fds(self._control, [data], [listener.fileno()])
            except BlockingIOError:
                loop.add_writer(self._control, self._flush)
                return
            except OSError:
                self._outbox.clear()  # it died; the next one is told everything anew
            else:
                self._outbox.popleft()
        loop.remove_writer(self._control)

    def _receive(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._control)
            return
        match msgspec.json.decode(data, type=FromProxy):
            case Closed(worker=worker, total_bytes=total):
                future = self._closing.get(worker)
                if future is not None and not future.done():
                    future.set_result(total)
            case Refusal() as refusal:
                self._on_refusal(refusal)


def _log_refusal(refusal: Refusal) -> None:
    _log.info("Egress refused: worker=%s target=%s: %s", refusal.worker, refusal.target, refusal.reason)


async def _end(process: asyncio.subprocess.Process) -> None:
    """It ends by itself when its control socket does; if not, it is made to."""
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
