"""A server as a child process, spoken to through its standard input and output (PROTOCOL 3.4, FASTMCP CL-03, CL-04)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from mcp_runtime.client.handlers import Handlers
from mcp_runtime.client.transports.duplex import Duplex
from mcp_runtime.client.transports.wire import encoded, object_in
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import InitializeResult

__all__ = ("StdioTransport",)

_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
"""What a child gets of our environment: it may hold secrets that are not the server's business (PROTOCOL D-04)."""
_LONGEST_LINE = 64 * 1024 * 1024
_GRACE_SECONDS = 2.0


class StdioTransport(Duplex):
    """`keep_alive` lets the process and the session live between two uses of the client; `disconnect()`, or the end of
    the program, ends them. `log_file` takes what the server writes to its standard error; by default it is ours."""

    def __init__(
        self,
        command: str,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        super().__init__()
        self.command = command
        self.args = [str(argument) for argument in args]
        self.env = dict(env or {})
        self.cwd = cwd
        self.keep_alive = keep_alive is not False
        self.log_file = log_file
        self._mode = mode
        self._process: asyncio.subprocess.Process | None = None
        self._runner: asyncio.Task[None] | None = None
        self._result: InitializeResult | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.command!r}>"

    def fresh(self) -> Self:
        import copy

        other = copy.copy(self)
        Duplex.__init__(other)
        other._process = other._runner = other._result = None
        return other

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        if self._runner is not None and not self._runner.done():
            return  # still alive
        self._result = None
        self._process = await self._started()
        self._listening()
        self._runner = asyncio.get_running_loop().create_task(self._run(self._process), name="mcp-client-stdio")

    async def introduce(self) -> InitializeResult:
        if self._result is None:
            self._result = await super().introduce()
        return self._result

    async def close(self) -> None:
        if not self.keep_alive:
            await self.disconnect()

    async def disconnect(self) -> None:
        """End the process: its input is closed; one that does not leave then is terminated, at last killed."""
        runner, self._runner, self._result = self._runner, None, None
        await self._silent()
        if runner is not None:
            runner.cancel()
            await asyncio.wait((runner,))

    async def _started(self) -> asyncio.subprocess.Process:
        errors: Any = self.log_file
        opened = open(errors, "ab") if isinstance(errors, (str, Path)) else None  # noqa: ASYNC230, SIM115 - closed below
        try:
            return await asyncio.create_subprocess_exec(
                self.command,
                *self.args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=opened or errors,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ} | self.env,
                cwd=self.cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise ClientError(f"The server {self.command!r} cannot be started: {error.strerror or error}") from error
        finally:
            if opened is not None:
                opened.close()

    async def _run(self, process: asyncio.subprocess.Process) -> None:
        """Read what the server writes until it is gone, or until we are cancelled; either way nothing of it is left."""
        try:
            await self._read(process)
        except ClientError as error:
            self._lost(str(error))
        finally:
            await _ended(process)
            self._lost(f"The server {self.command!r} has ended (exit code {process.returncode}).")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # it was asked for
        rest = bytearray()
        while chunk := await process.stdout.read(64 * 1024):
            rest += chunk
            if b"\n" in chunk:
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    if line.strip():
                        self._arrived(object_in(bytes(line)))
            if len(rest) > _LONGEST_LINE:
                raise ClientError(f"The server {self.command!r} sent a line of more than {_LONGEST_LINE} bytes.")

    async def _write(self, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None or self._runner is None:
            raise ClientError(f"The server {self.command!r} is not running.")
        try:
            process.stdin.write(encoded(message) + b"\n")
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ClientError(f"The server {self.command!r} does not listen any more.") from error


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Return when the process and those it started are gone (PROTOCOL D-03)."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
