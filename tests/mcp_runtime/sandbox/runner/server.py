"""The tenant's server of these tests."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastmcp import Context, FastMCP

BIRTH = f"{time.monotonic_ns()}-{os.urandom(8).hex()}"
entered: list[str] = []


@asynccontextmanager
async def lifespan(server: FastMCP) -> AsyncIterator[None]:
    entered.append("once")
    yield


mcp = FastMCP("runner tests", version="1.2", instructions="Be tested.", lifespan=lifespan)
meeting: list[asyncio.Event] = []
ended: list[str] = []


@mcp.tool
def add(a: int, b: int) -> int:
    """A synchronous tool."""
    return a + b


@mcp.tool
async def echo(text: str) -> str:
    """An asynchronous tool."""
    return text


@mcp.tool
async def meet(parties: int) -> int:
    """Answer once so many calls are here at the same time."""
    event = asyncio.Event()
    meeting.append(event)
    if len(meeting) == parties:
        for waiting in meeting:
            waiting.set()
    await event.wait()
    return parties


@mcp.tool
def identity() -> list[str]:
    """What this worker is, as far as it can tell: no other worker answers the same."""
    return [str(os.getpid()), BIRTH, __name__, *sys.argv, *entered]


@mcp.tool
def environment() -> list[str]:
    """The whole environment."""
    return [f"{name}={value}" for name, value in os.environ.items()]


@mcp.tool
async def talk(count: int, ctx: Context) -> str:
    """Log and report progress."""
    for number in range(count):
        await ctx.info(f"message {number}")
        await ctx.report_progress(number, count)
    return "said"


@mcp.tool
async def background(ctx: Context) -> str:
    """Go on logging after the call is over."""

    async def later() -> None:
        while True:
            await asyncio.sleep(0.01)
            await ctx.info("still here")

    meeting.append(asyncio.create_task(later()))  # type: ignore[arg-type]
    return "left"


@mcp.tool
async def wait() -> str:
    """Never answer; note its beginning and its end."""
    ended.append("begun")
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("over")
    return "never"


@mcp.tool
async def endings() -> list[str]:
    """What was noted."""
    return ended


@mcp.tool
def compute() -> str:
    """Compute in Python for ever."""
    number = 0
    while True:
        number += 1


@mcp.tool
async def compute_in_thread() -> str:
    """The same in a thread that an asynchronous tool asked for."""
    return await asyncio.to_thread(compute.fn if hasattr(compute, "fn") else compute)


@mcp.tool
def sleep(seconds: float) -> str:
    """Block in C."""
    time.sleep(seconds)
    return "slept"


@mcp.tool
async def block(seconds: float) -> str:
    """Block the event loop."""
    time.sleep(seconds)  # noqa: ASYNC251  # that is the point
    return "blocked"


@mcp.tool
def leave(status: int) -> str:
    """End the process."""
    os._exit(status)


@mcp.tool
def leave_politely() -> str:
    """Ask the interpreter to exit."""
    raise SystemExit(3)


@mcp.tool
async def give_up() -> str:
    """Raise what asyncio raises for cancelled tasks, though nobody cancelled."""
    raise asyncio.CancelledError


@mcp.tool
def noise(megabytes: int) -> int:
    """Print a great deal."""
    line = "x" * 1023
    for _ in range(megabytes * 1024):
        print(line)
    return megabytes


@mcp.tool
def raw_noise(megabytes: int) -> int:
    """Write a great deal past Python's streams."""
    block = b"x" * 1023 + b"\n"
    for _ in range(megabytes * 1024):
        os.write(1, block)
    return megabytes


@mcp.tool
def large(megabytes: int) -> str:
    """Return a great deal."""
    return "x" * (megabytes * 1024 * 1024)


@mcp.resource("data://fact")
def fact() -> str:
    """A resource."""
    return "water is wet"


@mcp.prompt
def greet(name: str) -> str:
    """A prompt."""
    return f"Greet {name}."
