"""A web address as a resource (FASTMCP R-32), read with the standard library so that it works in every sandbox.

The name is resolved once and every address it has must be public, and the connection goes to exactly the address that
was judged. Redirects are not followed; size and time are bounded. Where a proxy is set for the process, the request
goes through it, and judging names is the proxy's business.
"""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from mcp_runtime.framework.errors import ResourceError

__all__ = ("fetch_text",)

_CHUNK = 64 * 1024


def fetch_text(url: str, *, seconds: float, most_bytes: int, allow_private: bool) -> str:
    """The text at `url`. Raises ResourceError naming the place, without the query, where secrets may stand."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}{parts.path}"
    until = time.monotonic() + seconds
    try:
        connection, target = _connection(url, seconds, allow_private=allow_private)
        try:
            connection.request("GET", target, headers={"Host": parts.netloc.rpartition("@")[2], "Accept": "*/*"})
            with connection.getresponse() as answer:
                if not 200 <= answer.status < 300:
                    raise ResourceError(_refusal(place, answer))
                body = _body(answer, most_bytes, until)
        finally:
            connection.close()
        return body.decode(answer.headers.get_content_charset() or "utf-8")
    except _TooMuch as error:
        raise ResourceError(f"Error fetching {place}: {error}") from error
    except (OSError, HTTPException) as error:
        words = "it took too long" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise ResourceError(f"Error fetching {place}: {words}.") from error
    except (LookupError, UnicodeDecodeError) as error:
        raise ResourceError(f"Error fetching {place}: the answer is not text.") from error


class _TooMuch(Exception):
    pass


class _NotPublic(OSError):
    pass


class _Pinned(HTTPConnection):
    """Connects to an address that was judged, whatever the name says by now."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _PinnedTls(HTTPSConnection):
    """The same, with the certificate checked against the name."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]  # set by its base


def _connection(url: str, seconds: float, *, allow_private: bool) -> tuple[HTTPConnection, str]:
    """A connection that is not opened yet, and what to ask it for."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(host):
        via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if not secure:
            return HTTPConnection(via.hostname or "", via.port or 80, timeout=seconds), url.partition("#")[0]
        tunnel = HTTPSConnection(via.hostname or "", via.port or 80, timeout=seconds)
        tunnel.set_tunnel(host, port)
        return tunnel, path
    address = _address(host, port, allow_private=allow_private)
    pinned: Any = _PinnedTls if secure else _Pinned
    return pinned(host, port, address, seconds), path


def _address(host: str, port: int, *, allow_private: bool) -> str:
    from mcp_runtime.framework.auth.fetch import is_public

    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(address) for address in found):
        raise _NotPublic(
            "the address is not on the public Internet; an author who means it says HttpResource(allow_private=True)"
        )
    return found[0]


def _body(answer: HTTPResponse, most_bytes: int, until: float) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > most_bytes:
            raise _TooMuch(f"the answer has more than {most_bytes} bytes.")
        if time.monotonic() > until:
            raise _TooMuch("it took too long.")
    return bytes(body)


def _refusal(place: str, answer: HTTPResponse) -> str:
    if 300 <= answer.status < 400:
        return f"Error fetching {place}: it answers {answer.status}, and redirects are not followed."
    return f"Error fetching {place}: it answers {answer.status}."
