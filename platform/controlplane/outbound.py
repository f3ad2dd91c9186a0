"""Asking an address that a stranger named, without being led into our own network (SECURITY 0.4).

https only; the name is resolved here, every address must be public, and the connection goes to the one that was
checked; no redirects, no proxy, no compression, no cookies; bounded in time and bytes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from mcp_runtime.sandbox.addresses import why_not_public

SECONDS: Final = 5.0
MAX_BYTES: Final = 64 * 1024


class FetchError(Exception):
    """The document could not be had; the message says why, in words that may be shown to whoever named the address."""


@dataclass(frozen=True, slots=True)
class Document:
    body: bytes
    content_type: str
    cache_control: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case; the last of several counts."""
    body: bytes


def fetch(url: str, *, accept: str = "application/json", max_bytes: int = MAX_BYTES) -> Document:
    """GET one document. Blocks for at most about `SECONDS`, so never inside a transaction. Raises FetchError."""
    answer = ask(url, headers={"Accept": accept}, max_bytes=max_bytes)
    if answer.status != 200:
        raise FetchError(f"The host answered {answer.status}; a 200 is needed, and redirects are not followed.")
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Document(answer.body, content_type or "text/plain", answer.headers.get("cache-control", ""))


def ask(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """One request and its answer, redirects and errors too. Blocks as `fetch` does. Raises FetchError."""
    host, port, path = _parts(url)
    deadline = time.monotonic() + SECONDS
    connection = _PinnedConnection(host, port, _public_address(host, port), _left(deadline))
    try:
        connection.request(method, path, body, {"Accept-Encoding": "identity", "User-Agent": "stoa", **(headers or {})})
        sock = connection.sock  # a host that says it will close makes the connection forget it
        with closing(connection.getresponse()) as response:
            said = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, said, _read(response, sock, deadline, max_bytes))
    except TimeoutError as error:
        raise _too_slow() from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"The host could not be reached or spoke no proper HTTP ({type(error).__name__}).") from error
    finally:
        connection.close()


def _parts(url: str) -> tuple[str, int, str]:
    """Host, port and path with query."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise FetchError("The address is malformed.") from error
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.password is not None:
        raise FetchError("The address must be https, with a host and no user name.")
    return parts.hostname, port, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to the address that was checked, and verifies the certificate against the name."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        self._tls = _tls()
        super().__init__(host, port, timeout=seconds, context=self._tls)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _public_address(host: str, port: int) -> str:
    """The first address of the host. All have to be public: which one answers is not for an attacker to pick."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError("The host's name has no address.") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if why_not_public(address) is not None and not _trusted(address):
            raise FetchError("The host is not on the public Internet.")
    return addresses[0]


def _trusted(address: str) -> bool:
    """Networks that the operator opened, for installations whose clients live on an intranet."""
    parsed = ip_address(address.partition("%")[0])
    return any(parsed in ip_network(network) for network in settings.STOA_FETCH_NETWORKS)


def _read(response: http.client.HTTPResponse, sock: socket.socket, deadline: float, limit: int) -> bytes:
    """Piece by piece, so that a host that sends a byte a second is cut off as well."""
    body = bytearray()
    while len(body) <= limit:
        left = _left(deadline)
        if sock.fileno() != -1:  # it is closed by itself once all was read
            sock.settimeout(left)
        piece = response.read1(limit + 1 - len(body))
        if not piece:
            return bytes(body)
        body += piece
    raise FetchError(f"The document is larger than {limit} bytes.")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow()
    return left


def _too_slow() -> FetchError:
    return FetchError(f"The host took longer than {SECONDS:g} s.")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
