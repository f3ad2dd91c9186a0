"""The few words of HTTP that a provider's own pages need, over plain ASGI: no web framework in a sandbox.

A `Route` is an ASGI application; it answers GET, HEAD, POST and OPTIONS as it was told and reads a body of at most
64 KiB. Anything that mounts ASGI applications by path can mount it: `starlette.routing.Route(route.path, route)`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from mcp_runtime.framework.auth.errors import OAuthError, ProviderUnavailable

__all__ = ("ASGIApp", "Endpoint", "Receive", "Request", "Response", "Route", "Scope", "Send")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_MOST_BODY_BYTES = 64 * 1024
_BODY_SECONDS = 15.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name; of a header that came twice, all values joined by a comma."""
    body: bytes = field(default=b"", repr=False)

    def form(self) -> dict[str, str]:
        """The fields of an urlencoded body. Raises OAuthError."""
        if (
            self.headers.get("content-type", "").partition(";")[0].strip().lower()
            != "application/x-www-form-urlencoded"
        ):
            raise OAuthError("invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
        try:
            return _once(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=100))
        except ValueError as error:
            raise OAuthError("invalid_request", "The body is not a form.") from error

    def json(self) -> dict[str, Any]:
        """The object in a JSON body. Raises OAuthError."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OAuthError("invalid_request", "The body is not JSON.") from error
        if not isinstance(found, dict):
            raise OAuthError("invalid_request", "The body is not a JSON object.")
        return found

    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in pairs if name}


@dataclass(frozen=True)
class Response:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(status, (("content-type", "application/json"), *headers), body)

    @classmethod
    def html(cls, page: str, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
        return cls(status, (("content-type", "text/html; charset=utf-8"), *headers), page.encode())

    @classmethod
    def redirect(cls, url: str, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
        return cls(302, (("location", url), ("cache-control", "no-store"), *headers))

    async def send(self, send: Send, *, without_body: bool = False) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if without_body else self.body})


Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One path of a provider. `open_to_browsers`: pages of any origin may read it, without cookies (PROTOCOL O-14)."""

    path: str
    endpoint: Endpoint
    methods: tuple[str, ...] = ("GET",)
    open_to_browsers: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        cors = _CORS if self.open_to_browsers else ()
        if method == "OPTIONS" and self.open_to_browsers:
            allowed = (("access-control-allow-methods", ", ".join((*self.methods, "OPTIONS"))),)
            await Response(204, (*cors, *allowed, ("access-control-allow-headers", "*"))).send(send)
            return
        if method not in self.methods and not (method == "HEAD" and "GET" in self.methods):
            await Response(405, (("allow", ", ".join(self.methods)), *cors)).send(send)
            return
        answer = await self._answer(scope, receive)
        await Response(answer.status, (*answer.headers, *cors), answer.body).send(send, without_body=method == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            return await self.endpoint(await read_request(scope, receive))
        except OAuthError as error:
            return error_answer(error)
        except ProviderUnavailable:
            refusal = OAuthError("temporarily_unavailable", "The identity provider does not answer.", status=503)
            return error_answer(refusal)


def error_answer(error: OAuthError) -> Response:
    """RFC 6749 section 5.2."""
    body = {"error": error.error}
    if error.error_description:
        body["error_description"] = error.error_description
    headers = [("cache-control", "no-store")]
    if error.status == 401:
        headers.append(("www-authenticate", "Basic"))
    return Response.json(body, status=error.status, headers=headers)


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by lower-case name."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope.get("headers", ()):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Raises OAuthError for a body that is too large or too slow, and for parameters given twice."""
    try:
        query = _once(
            parse_qsl(scope.get("query_string", b"").decode("ascii"), keep_blank_values=True, max_num_fields=100)
        )
    except ValueError as error:
        raise OAuthError("invalid_request", "The query is malformed.") from error
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _read_body(receive) if scope["method"] not in ("GET", "HEAD") else b""
    except TimeoutError as error:
        raise OAuthError("invalid_request", "The body did not come in time.", status=408) from error
    return Request(scope["method"], scope["path"], query, headers_of(scope), body)


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OAuthError("invalid_request", "The client left before its request was complete.")
        body += message.get("body", b"")
        if len(body) > _MOST_BODY_BYTES:
            raise OAuthError("invalid_request", f"The body is over {_MOST_BODY_BYTES} bytes.", status=413)
        if not message.get("more_body", False):
            return bytes(body)


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """RFC 6749 section 3.1: parameters must not be included more than once."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthError("invalid_request", f"The parameter {name!r} is there more than once.")
        found[name] = value
    return found


_CORS = (("access-control-allow-origin", "*"), ("access-control-max-age", "3600"))
