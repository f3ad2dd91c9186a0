"""What a worker may reach, and what it asks to reach. Pure: no socket, no clock.

Only names are granted and only names are asked for. An address in a request would be a way around the check of what
a name resolves to, in one of its many spellings: `127.1`, `0x7f000001`, `2130706433`, `[::ffff:7f00:1]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HTTPS = 443
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_HEADER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_REQUEST = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]{1,300}) HTTP/1\.[01]")


class Refused(Exception):
    """The proxy says no. `status` is the HTTP status; the text is for the tenant's developer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to reach `host` at `port`. A host `*.example.com` is every name below it, not itself."""

    host: str
    port: int = HTTPS

    @classmethod
    def parse(cls, text: str) -> Grant:
        """From `api.example.com`, `*.example.com` or `db.example.com:5432`; 443 without a port. Raises ValueError."""
        host, colon, port = text.strip().lower().partition(":")
        suffix = host.removeprefix("*.")
        fault = _host_fault(suffix)
        if fault is None and "." not in suffix and host != suffix:
            fault = "grants a whole top-level domain"
        if fault is None and colon and not _is_port(port):
            fault = "has a port that is none"
        if fault is not None:
            raise ValueError(
                f"'{text[:120]!s}' {fault}. Grant a host name such as api.example.com, *.example.com "
                "or db.example.com:5432; port 443 is meant when none is named."
            )
        return cls(host, int(port) if colon else HTTPS)

    def covers(self, host: str, port: int) -> bool:
        if port != self.port:
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host


def parse_request(head: bytes) -> tuple[str, int]:
    """Host and port of a CONNECT request, given with its final empty line. Raises Refused."""
    if not head.endswith(b"\r\n\r\n"):
        raise Refused(400, "The request's head does not end.")
    line, *headers = head[:-4].split(b"\r\n")
    request = _REQUEST.fullmatch(line)
    if request is None:
        raise Refused(400, "This is not an HTTP request.")
    for header in headers:
        if not _HEADER.fullmatch(header):
            raise Refused(400, "The request has a malformed header.")
        name = header.split(b":", 1)[0].lower()
        if name in (b"transfer-encoding", b"content-length"):
            raise Refused(400, "A CONNECT request has no body.")
    method, target = request.groups()
    if method != b"CONNECT":
        raise Refused(405, "Only CONNECT is served: use https:// URLs, plain http:// does not leave the sandbox.")
    return _target(target.decode("ascii"))


def _target(text: str) -> tuple[str, int]:
    host, colon, port = text.lower().rpartition(":")
    fault = _host_fault(host) if colon else "has no port"
    if fault is None and not _is_port(port):
        fault = "has a port that is none"
    if fault is not None:
        raise Refused(403, f"The target '{text[:120]}' {fault}. Only host names can be reached, as host:port.")
    return host, int(port)


def _host_fault(host: str) -> str | None:
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "is not a host name"
    if _NUMBER.fullmatch(labels[-1]):  # as the WHATWG URL standard tells an IPv4 address: it ends in a number
        return "is an address, not a host name"
    return None


def _is_port(text: str) -> bool:
    return bool(_PORT.fullmatch(text)) and int(text) <= 65_535
