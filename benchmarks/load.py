"""A load generator for one kind of request: `python -m benchmarks.load URL --connections 16 --seconds 3`.

It speaks just enough HTTP/1.1 over raw sockets to cost less than what it measures, keeps one request in flight per
connection, checks every answer's status and that it holds `--expect`, and prints one line of JSON. With `--endpoints N`
the requests go round N endpoints in turn: the URL's own, and those whose name has a number behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import uvloop

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
CHUNKED = -1


class Connection(asyncio.Protocol):
    """Sends the next of `requests` as soon as an answer is complete."""

    def __init__(self, requests: Iterator[bytes], expect: bytes, until: float, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.expect = expect
        self.until = until
        self.done = done
        self.buffer = bytearray()
        self.needed = 0
        self.sent = 0.0
        self.latencies: list[float] = []
        self.errors = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not say that it is one
        self._send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.needed and not self._read_head():
            return
        if self.needed == CHUNKED:
            if not self.buffer.endswith(b"\r\n0\r\n\r\n"):
                return
        elif len(self.buffer) < self.needed:
            return
        now = time.perf_counter()
        self.latencies.append(now - self.sent)
        if b" 200 " not in self.buffer[:16] or self.expect not in self.buffer:
            self.errors += 1
        self.buffer.clear()
        self.needed = 0
        if now < self.until:
            self._send()
        else:
            self._end(None)

    def _read_head(self) -> bool:
        """Whether the head is there; then `needed` is the length of the whole answer, or CHUNKED."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.buffer[:end]).lower()
        if b"transfer-encoding: chunked" in head:
            self.needed = CHUNKED
            return True
        start = head.find(b"content-length: ")
        if start < 0:
            self.errors += 1
            self._end(OSError("The answer has no length."))
            return False
        self.needed = end + 4 + int(head[start + 16 :].split(b"\r\n", 1)[0])
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or OSError("The server hung up."))

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(next(self.requests))

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
        self.transport.close()


def request(
    url: str,
    token: str,
    method: str,
    more: Mapping[str, object] | None = None,
    *,
    revision: str = MODERN,
    tool: str = "add",
) -> bytes:
    """The bytes of one stateless request; those of the handshake era say less."""
    parts = urlsplit(url)
    meta = {
        f"{META}protocolVersion": MODERN,
        f"{META}clientCapabilities": {},
        f"{META}clientInfo": {"name": "load", "version": "1"},
    }
    modern = revision == MODERN
    params: dict[str, object] = {**({"_meta": meta} if modern else {}), **(more or {})}
    head = [
        f"POST {parts.path} HTTP/1.1",
        f"host: {parts.netloc}",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "user-agent: load/1",
        f"mcp-protocol-version: {revision}",
    ]
    if modern:
        head.append(f"mcp-method: {method}")
    if method == "tools/call":
        params |= {"name": tool, "arguments": {"a": 1, "b": 2}}
        head += [f"mcp-name: {tool}"] if modern else []
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


async def load(
    url: str, payloads: Sequence[bytes], expect: bytes, connections: int, seconds: float
) -> dict[str, float]:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    running = []
    requests = itertools.cycle(payloads)
    for _ in range(connections):
        done = loop.create_future()
        connection = Connection(requests, expect, started + seconds, done)
        await loop.create_connection(partial(_same, connection), parts.hostname or "", parts.port or 80)
        running.append((connection, done))
    await asyncio.gather(*(done for _, done in running))
    elapsed = time.perf_counter() - started
    latencies = sorted(latency for connection, _ in running for latency in connection.latencies)
    return {
        "calls": len(latencies),
        "errors": sum(connection.errors for connection, _ in running),
        "per_second": len(latencies) / elapsed,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }


def _same(connection: Connection) -> Connection:
    return connection


def _beside(url: str, number: int) -> str:
    """`…/t/bench/add/mcp` -> `…/t/bench/add-7/mcp`."""
    return f"{url.removesuffix('/mcp')}-{number}/mcp"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--token", default="none")
    parser.add_argument("--method", default="tools/call")
    parser.add_argument("--revision", default=MODERN)
    parser.add_argument("--tool", default="add")
    parser.add_argument("--expect", default='"text":"3"')
    parser.add_argument("--endpoints", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    urls = [options.url, *(_beside(options.url, number) for number in range(1, options.endpoints))]
    payloads = [
        request(url, options.token, options.method, revision=options.revision, tool=options.tool) for url in urls
    ]
    work = load(options.url, payloads, options.expect.encode(), options.connections, options.seconds)
    print(json.dumps(uvloop.run(work)))


if __name__ == "__main__":
    main()
