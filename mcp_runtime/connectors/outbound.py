"""The HTTP client for addresses that tenants name: it cannot be led into the platform's own network (SECURITY 0.4).

Names are resolved here and every address found must be public, or in a network that the operator opened; the
connection goes to an address that was checked, so a name cannot mean something else a moment later. Without TLS only
networks that the operator opened are reached. No redirects, proxies, compression or cookies; answers are bounded.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

import httpcore2
import httpx2

from mcp_runtime.connectors.sockets import connected
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.sandbox.addresses import why_not_public

__all__ = (
    "COOKIE",
    "AddressRefused",
    "CredentialMissing",
    "CredentialRefused",
    "Redirected",
    "TooMuch",
    "guarded_client",
)

MAX_BYTES = 16 * 1024 * 1024
"""Of one answer, and of one event on a stream."""
CONNECT_SECONDS = 10.0
MAX_CONNECTIONS = 100
"""To one upstream, from one process."""


class AddressRefused(ClientError):
    """The upstream's name leads somewhere that tenants may not reach."""


class CredentialRefused(ClientError):
    """The upstream answered 401, and so takes no such credential, or 403, and gives it no such right."""

    def __init__(self, message: str, *, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


class CredentialMissing(ClientError):
    """None of the ways in has all its secrets."""


class Redirected(ClientError):
    """The upstream answered with an address to go to instead."""


class TooMuch(ClientError):
    """The upstream sends more than one answer may have, or sends it compressed."""


COOKIE = "stoa.cookie"
"""The extension of a request that holds the cookies it shall have. There are no others."""


def guarded_client(
    networks: Sequence[str] = (), *, tls: bool = True, timeout: httpx2.Timeout | None = None, judges: bool = True
) -> httpx2.AsyncClient:
    """`networks` are those that the operator opened. `tls` says whether it will speak https, and then nothing else.

    With `judges` answers that refuse a credential or lead elsewhere are raised; else they are answers like others.
    """
    return httpx2.AsyncClient(
        transport=_GuardedTransport(networks, tls=tls),
        timeout=timeout or httpx2.Timeout(30.0, read=None, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity", "user-agent": "stoa"},
        event_hooks={"response": [_judge] if judges else []},
    )


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, networks: Sequence[str], *, tls: bool) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._scheme = "https" if tls else "http"
        # The one thing that the transport takes no argument for: who opens its connections.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_tls(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=60.0,
            network_backend=_GuardedNetwork(networks, tls=tls),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme != self._scheme:
            raise AddressRefused(f"{request.url.host} is reached by {self._scheme} only.")
        request.headers.pop("cookie", None)
        if COOKIE in request.extensions:
            request.headers["cookie"] = request.extensions[COOKIE]
        answer = await super().handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            raise TooMuch(f"{request.url.host} compresses its answers though it was asked not to.")
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        events = answer.headers.get("content-type", "").startswith("text/event-stream")
        answer.stream = _Bounded(answer.stream, str(request.url.host), by_event=events)
        return answer


class _GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Resolves names itself, and connects to what it has looked at."""

    def __init__(self, networks: Sequence[str], *, tls: bool) -> None:
        self._networks = [ip_network(network) for network in networks]
        self._tls = tls

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's name
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolved(host, port)
        for address in addresses:
            self._check(host, address)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await connected(address, port, timeout, local_address)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address.")

    async def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused("A socket of this host is no upstream.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} has no address.") from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _check(self, host: str, address: str) -> None:
        """All of them have to pass: which one answers is not for an attacker to pick."""
        parsed = ip_address(address.partition("%")[0])
        if any(parsed in network for network in self._networks):
            return
        if why_not_public(address) is not None:
            raise AddressRefused(f"{host} is not on the public Internet.")
        if not self._tls:
            raise AddressRefused(f"{host} is on the public Internet and is reached by https only.")


class _Bounded(httpx2.AsyncByteStream):
    """Counts what comes: of a whole answer, or of each event of a stream, which itself has no end."""

    def __init__(self, stream: httpx2.AsyncByteStream, host: str, *, by_event: bool) -> None:
        self._stream = stream
        self._host = host
        self._by_event = by_event

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen, tail = 0, b""
        async for piece in self._stream:
            seen += len(piece)
            if self._by_event:
                # An event ends with an empty line, which may lie across two pieces.
                end = max((tail + piece).rfind(gap) for gap in (b"\n\n", b"\r\n\r\n", b"\r\r"))
                seen = seen if end < 0 else len(tail) + len(piece) - end
                tail = piece[-3:]
            if seen > MAX_BYTES:
                raise TooMuch(f"{self._host} sends more than {MAX_BYTES // 1024 // 1024} MB at once.")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _judge(answer: httpx2.Response) -> None:
    if answer.status_code in (401, 403):
        raise CredentialRefused(f"{answer.url.host} answered {answer.status_code}.", status=answer.status_code)
    if 300 <= answer.status_code < 400:
        raise Redirected(f"{answer.url.host} answered {answer.status_code}: redirects are not followed.")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
