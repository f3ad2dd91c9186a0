"""Programs of other people, run as their users run them, with a browser that goes wherever they ask to be sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx2

TOOLS = Path(sys.executable).parent
SECONDS = 60.0

_AUTHORIZE = re.compile(r"https?://\S+/oauth/authorize\?\S+")


class Browser(Protocol):
    """Goes to the page that a program asked for, and does what the person there would do."""

    def log_in(self, authorization_url: str) -> str:
        """The address at which the program gets its answer."""


class Program:
    """A running program. What it asks a person to do in a browser is done."""

    def __init__(self, process: asyncio.subprocess.Process, browser: Browser) -> None:
        self._process = process
        self._browser = browser
        self.said: list[str] = []
        """Its lines, of both streams."""
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._readers = [
            asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr) if stream
        ]

    async def result(self) -> Any:
        """What it printed last, when it has ended well."""
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*self._readers)
            assert await self._process.wait() == 0, self.words
        return await self._messages.get()

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a JSON-RPC message; the answer, when it has an `id`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        if "id" not in message:
            return {}
        try:
            async with asyncio.timeout(SECONDS):
                while (answer := await self._messages.get()).get("id") != message["id"]:
                    pass
        except TimeoutError:
            raise AssertionError(f"No answer to {message}:\n{self.words}") from None
        return answer

    @property
    def words(self) -> str:
        return "".join(self.said)[-4000:]

    async def aclose(self) -> None:
        """With all that it started: `node` itself is a child of the command that is installed with Python."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.gather(*self._readers)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.said.append(line.decode(errors="replace"))
            if address := _AUTHORIZE.search(self.said[-1]):
                await asyncio.to_thread(self._visit, address[0])
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._messages.put_nowait(message)

    def _visit(self, address: str) -> None:
        """The login ends at the program's own callback server."""
        httpx2.get(self._browser.log_in(address), timeout=SECONDS)


@contextlib.asynccontextmanager
async def running(
    browser: Browser, *command: str | Path, home: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """A node program with a home of its own, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        TOOLS / "node", *command,
        cwd=home, env={"PATH": str(TOOLS), "HOME": str(home), **(environment or {})},  # where no browser is found
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=1024 * 1024, start_new_session=True,
    )  # fmt: skip
    program = Program(process, browser)
    try:
        yield program
    finally:
        await program.aclose()
