"""The door: what is checked before a request is a message. Everything here is decided from the request's head.

The order is PROTOCOL 1.2: path, Host and Origin, credential, then the method and the headers of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.protocol.ladder import RoutingHeaders
from mcp_runtime.transports.asgi import Header, Scope
from mcp_runtime.transports.refusals import Refusal

SLUG = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATH = re.compile(rb"/t/(" + SLUG + rb")/(" + SLUG + rb")/(mcp|sse|messages)")
MAX_HEADERS = 128


class Address(msgspec.Struct, frozen=True):
    """The endpoint that a path names. Slugs are ASCII, so they may stand in headers and logs."""

    tenant: str
    endpoint: str
    door: str = "mcp"
    """`mcp`; `sse` and `messages` are those of HTTP+SSE (PROTOCOL 3.3)."""

    @property
    def path(self) -> str:
        """The endpoint's own address, whichever door was used."""
        return f"/t/{self.tenant}/{self.endpoint}/mcp"


class Head(msgspec.Struct, frozen=True):
    """The headers we read, sorted out in one pass."""

    host: str | None
    origin: str | None
    authorization: bytes | None
    content_type: bytes
    content_encoding: bytes | None
    content_length: bytes | None
    accept: bytes | None
    session_id: str | None
    last_event_id: str | None
    routing: RoutingHeaders
    sent: tuple[Header, ...]
    """All of them, as they came."""
    client: str
    """The address of the client, as the server tells it: behind trusted proxies the one they vouch for. Else empty."""


def address(scope: Scope) -> Address | None:
    """The endpoint of a request, None when the path is not one of ours. Percent-encoding is not undone."""
    path = scope.get("raw_path")
    if path is None:
        path = str(scope["path"]).encode("utf-8", "surrogateescape")
    found = _PATH.fullmatch(path)
    return None if found is None else Address(found[1].decode(), found[2].decode(), found[3].decode())


def head(scope: Scope) -> Head:
    """Sort out the headers. Raises Refusal for what may come once only."""
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS:
        raise _bad_request("too_many_headers", f"The request has more than {MAX_HEADERS} headers.", "Send fewer.")
    values = dict(headers)
    duplicated = None if len(values) == len(headers) else _merge_repeated(headers, values)
    get = values.get
    host, origin = get(b"host"), get(b"origin")
    return Head(
        host=None if host is None else host.decode("latin-1").lower(),
        origin=None if origin is None else origin.decode("latin-1").lower(),
        authorization=get(b"authorization"),
        content_type=get(b"content-type", b""),
        content_encoding=get(b"content-encoding"),
        content_length=get(b"content-length"),
        accept=get(b"accept"),
        session_id=_text(get(b"mcp-session-id")),
        last_event_id=_text(get(b"last-event-id")),
        routing=RoutingHeaders(
            version=_text(get(b"mcp-protocol-version")),
            method=_text(get(b"mcp-method")),
            name=_text(get(b"mcp-name")),
            duplicated=duplicated,
        ),
        sent=tuple(headers),
        client=str((scope.get("client") or ("",))[0]),
    )


def _merge_repeated(headers: Iterable[Header], values: dict[bytes, bytes]) -> str | None:
    """Let the first of repeated headers count, and all of `Accept`; the first of the protocol's own that came twice.

    Raises Refusal for what may come once only.
    """
    values.clear()
    duplicated: str | None = None
    for key, value in headers:
        if key not in values:
            values[key] = value
        elif key == b"accept":
            values[key] += b"," + value
        elif key in _ONCE:
            raise _bad_request("repeated_header", f"The header {key.decode()} came more than once.", "Send it once.")
        elif duplicated is None and key.startswith(b"mcp-"):
            duplicated = key.decode("latin-1")
    return duplicated


class Doorkeeper:
    """Checks that depend on settings."""

    def __init__(self, settings: GatewaySettings) -> None:
        public = urlsplit(settings.public_url)
        own = public.hostname or ""
        self._hosts = frozenset(
            name.lower()
            for name in (*settings.allowed_hosts, f"[{own}]" if ":" in own else own)
            if not name.startswith(".")
        )
        self._suffixes = tuple(name.lower() for name in settings.allowed_hosts if name.startswith("."))
        self._origins = frozenset(
            origin.rstrip("/").lower() for origin in (*settings.allowed_origins, f"{public.scheme}://{public.netloc}")
        )
        self._max_body_bytes = settings.max_body_bytes
        self._is_allowed_host = lru_cache(maxsize=1024)(self._look_up_host)

    def check_host_and_origin(self, read: Head) -> None:
        """Against DNS rebinding and foreign web pages (PROTOCOL H-08)."""
        if read.host is None or not self._is_allowed_host(read.host):
            raise Refusal(
                403,
                "host_not_allowed",
                "This platform does not answer to that Host.",
                "Use the endpoint's own address, or let the operator add the name to STOA_ALLOWED_HOSTS.",
                unread=True,
            )
        if read.origin is not None and read.origin not in self._origins:
            raise Refusal(
                403,
                "origin_not_allowed",
                "Web pages of that origin may not call this platform.",
                "Call from a program, or let the operator add the origin to STOA_ALLOWED_ORIGINS.",
                unread=True,
            )

    def check_body_headers(self, read: Head, *, streams: bool = True) -> None:
        """What a POST says about its body, and about the answers it can take, where it is answered by a stream."""
        if not _is_json(read.content_type):
            raise Refusal(
                415,
                "not_json",
                "The Content-Type must be application/json.",
                "Send `Content-Type: application/json`.",
                unread=True,
            )
        if read.content_encoding not in (None, b"identity"):
            raise Refusal(415, "encoded_body", "The body must not be compressed.", "Send it as it is.", unread=True)
        if streams and read.accept is not None and not _accepts_both(read.accept):
            raise Refusal(
                406,
                "not_acceptable",
                "The client must accept application/json and text/event-stream.",
                "Send `Accept: application/json, text/event-stream`.",
                unread=True,
            )
        length = read.content_length
        if length is not None and (not length.isdigit() or len(length) > 18 or int(length) > self._max_body_bytes):
            raise body_too_large(self._max_body_bytes)

    def _look_up_host(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1]
        return "*" in self._hosts or name in self._hosts or (bool(self._suffixes) and name.endswith(self._suffixes))


def not_found() -> Refusal:
    return Refusal(
        404, "no_such_path", "There is nothing here.", "An endpoint's path is /t/<tenant>/<endpoint>/mcp.", unread=True
    )


def no_such_endpoint(where: Address) -> Refusal:
    """Told only to callers of the tenant itself."""
    return Refusal(
        404,
        "no_such_endpoint",
        f"The tenant {where.tenant} has no published endpoint named {where.endpoint}.",
        "Check the name, or deploy a server under it.",
        unread=True,
    )


def method_not_allowed(allowed: str = "POST") -> Refusal:
    return Refusal(
        405,
        "method_not_allowed",
        f"Without a session this address takes {allowed} only.",
        f"Use {allowed}. GET and DELETE are for sessions, which Mcp-Session-Id names.",
        headers=[(b"allow", allowed.encode())],
        unread=True,
    )


def no_event_stream() -> Refusal:
    return Refusal(
        406, "not_acceptable", "The client must accept text/event-stream.", "Send `Accept: text/event-stream`."
    )


def accepts_events(accept: bytes | None) -> bool:
    """Whether an event stream may be the answer."""
    if accept is None:
        return True
    ranges = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
    return bool(ranges & {b"*/*", b"text/event-stream", b"text/*"})


def body_too_large(limit: int) -> Refusal:
    return Refusal(
        413, "body_too_large", f"The body is over the limit of {limit} bytes.", "Send less at once.", unread=True
    )


def body_too_slow(seconds: float) -> Refusal:
    return Refusal(
        408, "body_too_slow", f"The body took longer than {seconds:g} seconds.", "Send it in one go.", unread=True
    )


def _bad_request(code: str, message: str, hint: str) -> Refusal:
    return Refusal(400, code, message, hint, unread=True)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("latin-1").strip(" \t")


def _is_json(content_type: bytes) -> bool:
    return content_type == _JSON or content_type.partition(b";")[0].strip().lower() == _JSON


@lru_cache(maxsize=256)
def _accepts_both(accept: bytes) -> bool:
    ranges = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
    if b"*/*" in ranges:
        return True
    return bool(ranges & {_JSON, b"application/*"}) and bool(ranges & {b"text/event-stream", b"text/*"})


_JSON = b"application/json"
_ONCE = frozenset({b"host", b"origin", b"authorization", b"content-type", b"content-length"})
_HOST = re.compile(r"([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
