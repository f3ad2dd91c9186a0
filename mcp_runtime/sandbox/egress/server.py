"""Inside the proxy process: one listening socket per worker, which is the worker's identity.

Nothing a worker sends is believed but the name it asks for; that name is looked up once, every answer is checked, and
the connection goes to a checked address, so that no second answer of the name's owner can lead elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mcp_runtime.sandbox.addresses import why_not_public
from mcp_runtime.sandbox.egress.settings import EgressLimits, Refusal
from mcp_runtime.sandbox.egress.targets import Grant, Refused, parse_request

CHUNK = 64 * 1024
MAX_ADDRESSES = 4
"""Addresses of one name that are tried, one after the other."""
RESOLVING_AT_ONCE = 4
"""Per worker: a name server that never answers must not hold everybody's look-ups."""
RESOLVER_THREADS = 64
REPORTS_PER_SECOND = 5.0

_REASONS = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 408: "Request Timeout",
            429: "Too Many Requests", 431: "Request Header Fields Too Large", 502: "Bad Gateway",
            503: "Service Unavailable", 504: "Gateway Timeout"}  # fmt: skip


def resolve(name: str) -> list[str]:
    """Every address of a name. Blocks. Raises OSError."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(slots=True)
class _Worker:
    name: str
    grants: tuple[Grant, ...]
    trusted: tuple[Grant, ...]
    limits: EgressLimits
    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    spent: int = 0
    resolving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(RESOLVING_AT_ONCE))
    reports: float = REPORTS_PER_SECOND
    reported_at: float = 0.0


class EgressServer:
    """Serves the workers it is told about. `report` hears of refusals and must not block."""

    def __init__(
        self, report: Callable[[Refusal], None], *, connections: int, resolve: Callable[[str], list[str]] = resolve
    ) -> None:
        self._report = report
        self._free = connections
        self._resolve = resolve
        self._workers: dict[str, _Worker] = {}
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve")

    async def open(
        self, name: str, listener: socket.socket, hosts: tuple[str, ...], trusted: tuple[str, ...], limits: EgressLimits
    ) -> None:
        """Serve `listener` for the worker `name`. Raises ValueError for a host that cannot be granted."""
        await self.close(name)
        worker = _Worker(name, tuple(map(Grant.parse, hosts)), tuple(map(Grant.parse, trusted)), limits)
        worker.server = await asyncio.start_unix_server(
            lambda reader, writer: self._accepted(worker, reader, writer), sock=listener, limit=CHUNK
        )
        self._workers[name] = worker

    async def close(self, name: str) -> int:
        """Forget a worker and cut its connections; return the bytes it moved."""
        worker = self._workers.pop(name, None)
        if worker is None:
            return 0
        if worker.server is not None:
            worker.server.close()
        for task in worker.tasks:
            task.cancel()
        return worker.spent

    async def aclose(self) -> None:
        """Close every worker's socket."""
        for name in list(self._workers):
            await self.close(name)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _accepted(self, worker: _Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Called at once for each connection, before anything of it is read."""
        task = asyncio.ensure_future(self._serve(worker, reader, writer))
        worker.tasks.add(task)
        task.add_done_callback(worker.tasks.discard)

    async def _serve(self, worker: _Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = ""
        self._free -= 1
        try:
            if len(worker.tasks) > worker.limits.connections or self._free < 0:
                raise Refused(503, f"More than {worker.limits.connections} connections at once.")
            head = await _read_head(reader, worker.limits)
            host, port = parse_request(head)
            target = f"{host}:{port}"
            upstream = await self._connect(worker, host, port)
            await _splice(worker, reader, writer, *await asyncio.open_connection(sock=upstream, limit=CHUNK))
        except Refused as refusal:
            self._tell(worker, target, refusal.message)
            writer.write(_answer(refusal))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # one of the two ends went away or was silent too long; there is nobody to tell
        finally:
            self._free += 1
            writer.close()

    async def _connect(self, worker: _Worker, host: str, port: int) -> socket.socket:
        """A connection to a checked address of a granted name. Raises Refused."""
        trusted = any(grant.covers(host, port) for grant in worker.trusted)
        if not trusted and not any(grant.covers(host, port) for grant in worker.grants):
            raise Refused(403, f"{host}:{port} is not granted to this server. Add it to the server's hosts.")
        if worker.spent >= worker.limits.total_bytes:
            raise Refused(429, f"This worker has used its {worker.limits.total_bytes} bytes of traffic.")
        addresses = await self._addresses(worker, host, trusted=trusted)
        for address in addresses:
            what = None if trusted else why_not_public(address)
            if what is not None:
                raise Refused(403, f"{host} leads to {what}. Only public addresses can be reached.")
        try:
            async with asyncio.timeout(worker.limits.connect_seconds):
                return await first_connected(addresses[:MAX_ADDRESSES], host, port, trusted=trusted)
        except TimeoutError:
            raise Refused(504, f"{host}:{port} did not accept the connection in time.") from None

    async def _addresses(self, worker: _Worker, host: str, *, trusted: bool) -> list[str]:
        """What the name stands for, asked once. A tenant's name is looked up as it is, without search domains."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(worker.limits.resolve_seconds), worker.resolving:
                return await loop.run_in_executor(self._threads, self._resolve, host if trusted else f"{host}.")
        except TimeoutError:
            raise Refused(504, f"Looking up {host} took too long.") from None
        except (OSError, UnicodeError):
            raise Refused(502, f"No host is named {host}.") from None

    def _tell(self, worker: _Worker, target: str, reason: str) -> None:
        now = time.monotonic()
        earned = (now - worker.reported_at) * REPORTS_PER_SECOND
        worker.reports = min(REPORTS_PER_SECOND, worker.reports + earned)
        worker.reported_at = now
        if worker.reports >= 1:
            worker.reports -= 1
            self._report(Refusal(worker.name, target, reason))


async def _read_head(reader: asyncio.StreamReader, limits: EgressLimits) -> bytes:
    try:
        async with asyncio.timeout(limits.head_seconds):
            head = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise Refused(408, "The request's head did not arrive in time.") from None
    except asyncio.LimitOverrunError:
        head = b""
    if not 0 < len(head) <= limits.head_bytes:
        raise Refused(431, f"The request's head is longer than {limits.head_bytes} bytes.")
    return head


async def first_connected(addresses: list[str], host: str, port: int, *, trusted: bool) -> socket.socket:
    """A connection to the first address that accepts one. Raises Refused."""
    loop = asyncio.get_running_loop()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(connection, (address, port))
        except OSError:
            connection.close()
            continue
        except BaseException:
            connection.close()
            raise
        if not trusted and connection.getsockname()[0] == connection.getpeername()[0]:
            connection.close()  # a public address of this very host: its services are not the tenant's to reach
            raise Refused(403, f"{host} is this host itself.")
        return connection
    raise Refused(502, f"{host} does not accept connections at that port.")


async def _splice(
    worker: _Worker,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream_reader: asyncio.StreamReader,
    upstream_writer: asyncio.StreamWriter,
) -> None:
    """Pass bytes both ways until both ends are done, or idle, life or byte limits end it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + worker.limits.lifetime_seconds

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            worker.spent += len(data)
            if worker.spent > worker.limits.total_bytes:
                raise TimeoutError  # no more for this worker: both directions end
            timeout.reschedule(min(end, loop.time() + worker.limits.idle_seconds))
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    pumps: list[asyncio.Task[None]] = []
    try:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.timeout(min(worker.limits.idle_seconds, worker.limits.lifetime_seconds)) as timeout:
            pumps.append(asyncio.create_task(pump(reader, upstream_writer)))
            pumps.append(asyncio.create_task(pump(upstream_reader, writer)))
            await asyncio.gather(*pumps)
    finally:
        for task in pumps:
            task.cancel()
        upstream_writer.close()


def _answer(refusal: Refused) -> bytes:
    body = f"{refusal.message}\n".encode()
    head = f"HTTP/1.1 {refusal.status} {_REASONS[refusal.status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
