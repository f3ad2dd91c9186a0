"""What an open stream costs in memory: 10,000 `subscriptions/listen` in one gateway process.

    python -m benchmarks.gateway_streams [--streams 10000]

Counted is how much the process grows from the first hundred streams on, while all of them are open; the kernel's
buffers are not its own.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.load import request
from benchmarks.peers import Server, gateway, resident_bytes
from benchmarks.results import verdict
from benchmarks.sandbox_host import cpu_seconds

GOAL_KB = 32.0
WARM = 100
AT_ONCE = 200
LISTEN: dict[str, object] = {"notifications": {"toolsListChanged": True}}


class Stream(asyncio.Protocol):
    """A client that listens, and forgets what it hears."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._payload)

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            return  # a heartbeat
        self._read += data
        if b" 200 " not in self._read[:16]:
            self.opened.set_exception(OSError(f"The stream was not opened: {self._read[:300]!r}"))
        elif b"\ndata: " in self._read:
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or OSError("The server hung up."))


async def measure(server: Server, streams: int) -> tuple[float, float]:
    """Kilobytes in memory, and microseconds of CPU, of one stream more."""
    await _open(server, WARM)
    before, spent = resident_bytes(server.pid), cpu_seconds(server.pid)
    kept = await _open(server, streams - WARM)
    grown, spent = resident_bytes(server.pid) - before, cpu_seconds(server.pid) - spent
    if any(stream.transport.is_closing() for stream in kept):
        raise SystemExit("Not all of the streams stayed open.")
    return grown / 1024 / len(kept), spent / len(kept) * 1e6


async def _open(server: Server, count: int) -> list[Stream]:
    parts = urlsplit(server.url)
    payload = request(server.url, server.token, "subscriptions/listen", LISTEN)
    loop = asyncio.get_running_loop()
    streams: list[Stream] = []
    while len(streams) < count:
        batch = [Stream(payload) for _ in range(min(AT_ONCE, count - len(streams)))]
        for stream in batch:
            await loop.create_connection(lambda stream=stream: stream, parts.hostname or "", parts.port or 80)  # type: ignore[misc]
        await asyncio.gather(*(stream.opened for stream in batch))
        streams += batch
    return streams


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=10_000)
    options = parser.parse_args()
    needed = options.streams + 200
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        raise SystemExit(f"This needs {needed} open files; the machine allows {most}. Raise it, or ask for --streams.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))  # the gateway inherits it
    with gateway({"STOA_BENCH_STREAMS": str(options.streams)}) as server:
        began = time.perf_counter()
        kilobytes, microseconds = uvloop.run(measure(server, options.streams))
        seconds = time.perf_counter() - began
        print(f"{options.streams} streams opened in {seconds:.1f} s, {microseconds:.0f} us of CPU each")
    return 0 if verdict(f"memory of one of {options.streams:,} open streams", kilobytes, GOAL_KB, "kB") else 1


if __name__ == "__main__":
    sys.exit(main())
