"""Streamable HTTP: one address, both eras (PROTOCOL 3.1, 3.2, V-13)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.sse import Event, events
from mcp_runtime.client.transports.eras import (
    LATEST_LEGACY,
    MODERN,
    MODERN_ERRORS,
    Era,
    Legacy,
    Modern,
    is_modern_error,
)
from mcp_runtime.client.transports.wire import (
    discovered,
    encoded,
    object_in,
    reached,
    remote_error,
    replied,
    supported_versions,
)
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import InitializeResult
from mcp_runtime.protocol.errors import McpError

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.client.transports.http_sse import SSETransport

__all__ = ("StreamableHttpTransport",)

_MAX_EVENT = 16 * 1024 * 1024
_MOST_RESUMES = 10
"""How often the stream of one answer is taken up again before the answer is given up."""
_RETRY_SECONDS = 1.0
"""How long to wait before that, where the server did not say (PROTOCOL G-07)."""
_LONGEST_RETRY = 60.0
_OPENING_SECONDS = 0.5
"""How long to wait for the stream beside the answers; a server may let it wait for its first event."""
_REFUSED_STREAM = (400, 404, 405, 409)


class StreamableHttpTransport:
    """`mode` is "auto", "legacy", or the one version to speak.

    `auth` is a bearer token, "oauth" for the browser flow, or an auth object of httpx2. `httpx_client_factory` makes
    the HTTP client from the keywords headers, timeout, auth and follow_redirects.
    """

    def __init__(
        self,
        url: object,
        headers: Mapping[str, str] | None = None,
        auth: str | httpx2.Auth | None = None,
        httpx_client_factory: Callable[..., httpx2.AsyncClient] | None = None,
        *,
        mode: str = "auto",
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        if http_client is not None and auth is not None and (not isinstance(auth, str) or auth == "oauth"):
            raise ValueError("Give the auth object to the http_client itself.")
        self.url = str(url)
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._auth = auth
        self._mode = mode
        self._factory = httpx_client_factory
        self._given_client = http_client
        self._http: httpx2.AsyncClient | None = http_client
        self._handlers = Handlers()
        self._client_info: dict[str, Any] = {}
        self._era: Era | None = None
        self._probing = False
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._older: SSETransport | None = None

    def __repr__(self) -> str:
        return f"<StreamableHttpTransport to {self.url}>"

    def fresh(self) -> Self:
        return type(self)(
            self.url, self._headers, self._auth, self._factory, mode=self._mode, http_client=self._given_client
        )

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        if self._http is None:
            import httpx2

            from mcp_runtime.client.auth import as_httpx_auth

            # Calls take as long as the tool takes: only connecting and sending have a limit of their own.
            make = self._factory or httpx2.AsyncClient
            self._http = make(
                timeout=httpx2.Timeout(30.0, read=None),
                follow_redirects=False,
                auth=as_httpx_auth(self._auth, self.url),
            )

    async def introduce(self) -> InitializeResult:
        if self._mode == "legacy":
            return await self._initialize(LATEST_LEGACY)
        if self._mode not in ("auto", MODERN):
            return await self._initialize(self._mode)
        self._era = Modern(self._handlers, self._client_info)
        self._probing = True
        try:
            found = await self._discovered()
        except _NotModern:
            if self._mode == MODERN:
                raise ClientError(f"{self.url} does not speak {MODERN}.") from None
            self._probing = False
            return await self._initialize_or_fall_back()
        except McpError as error:
            versions = supported_versions(error)
            if self._mode == "auto" and versions and MODERN not in versions:
                self._probing = False
                return await self._initialize(versions[0])
            raise
        finally:
            self._probing = False
        return discovered(found)

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        """A legacy session that has ended is begun anew, once."""
        if self._older is not None:
            return await self._older.request(method, params, progress=progress)
        if self._era is None:
            raise ClientError("The client is not connected: use it in `async with client:`, or call initialize().")
        try:
            result = await self._request_once(method, params, progress)
        except _SessionGone:
            era = self._era
            await self._initialize(era.version if isinstance(era, Legacy) and era.version else LATEST_LEGACY)
            result = await self._request_once(method, params, progress)
        if method == "tools/list":
            result["tools"] = self._connected().usable(result.get("tools") or [])
        return result

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        if self._older is not None:
            await self._older.notify(method, params)
            return
        era = self._connected()
        if isinstance(era, Modern):
            return  # the modern era has no notifications of clients over HTTP (PROTOCOL H-07)
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params:
            message["params"] = params
        await self._post(message)

    async def close(self) -> None:
        http, era, listener = self._http, self._era, self._listener
        self._http, self._era, self._listener = self._given_client, None, None
        older, self._older = self._older, None
        if older is not None:
            await older.close()
        if listener is not None:
            listener.cancel()
            await asyncio.wait((listener,))
        if http is None:
            return
        if isinstance(era, Legacy) and era.session_id is not None:
            with contextlib.suppress(ClientError), reached(self.url):
                await http.delete(self.url, headers=self._common() | era.headers("", {}))
        if http is not self._given_client:
            await http.aclose()

    # One request and its answer.

    async def _discovered(self) -> dict[str, Any]:
        """The answer to `server/discover`; asked again where it was refused with our version among those offered."""
        try:
            return await self._request_once("server/discover", {})
        except McpError as error:
            if MODERN not in supported_versions(error):
                raise
        return await self._request_once("server/discover", {})

    async def _initialize_or_fall_back(self) -> InitializeResult:
        """A server that takes no POST at all may be one of HTTP+SSE at the same address (PROTOCOL V-13, X-04)."""
        try:
            return await self._initialize(LATEST_LEGACY)
        except _NoPosts as error:
            refusal = error
        from mcp_runtime.client.transports.http_sse import SSETransport

        older = SSETransport(self.url, self._headers, self._auth, http_client=self._client())
        try:
            await older.open(self._handlers, self._client_info)
        except ClientError:
            raise refusal from None  # it is none of those either: what it said first counts
        self._older = older
        return await older.introduce()

    async def _initialize(self, version: str) -> InitializeResult:
        self._era = era = Legacy(self._handlers, self._client_info)
        answer = await self._request_once("initialize", era.introduction(version))
        result = InitializeResult(**answer)
        era.version = result.protocol_version
        await self.notify("notifications/initialized", {})
        if self._handlers.log is not None and "logging" in result.capabilities:
            with contextlib.suppress(McpError):  # then it logs at the level it likes
                await self._request_once("logging/setLevel", {"level": self._handlers.log_level})
        if era.session_id is not None and self._listener is None:
            open_now: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._listener = asyncio.get_running_loop().create_task(self._listen(open_now), name="mcp-client-listener")
            either = (open_now, self._listener)
            await asyncio.wait(either, timeout=_OPENING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return result

    async def _request_once(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        era = self._connected()
        identifier = next(self._ids)
        wants_progress = progress is not None or self._handlers.progress is not None
        params = era.params(params, token=identifier if wants_progress else None)
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
        headers = self._common() | era.headers(method, params)
        http = self._client()
        answered = self._waiting[identifier] = asyncio.get_running_loop().create_future()
        try:
            with reached(self.url):
                async with http.stream("POST", self.url, content=encoded(message), headers=headers) as answer:
                    self._connected().noticed(answer.headers)
                    if answer.status_code >= 400:
                        raise self._refusal(answer, await answer.aread())
                    if not _is_stream(answer):
                        return self._result(object_in(await answer.aread()))
                    stream = _Stream()
                    found = await self._read(answer, stream, identifier, progress)
                return self._result(found or await self._resumed(stream, answered, identifier, method, progress))
        except asyncio.CancelledError:
            if isinstance(era, Legacy) and method != "initialize":  # closing the stream says nothing (PROTOCOL G-06)
                with contextlib.suppress(Exception):  # the caller is leaving, whatever the server makes of it
                    await asyncio.shield(self.notify("notifications/cancelled", {"requestId": identifier}))
            raise
        finally:
            del self._waiting[identifier]

    async def _read(
        self, answer: httpx2.Response, stream: _Stream, identifier: int | None, progress: ProgressHandler | None
    ) -> dict[str, Any] | None:
        """The answer to a request in a stream, the rest of it dealt with; None where the stream ends without."""
        async for event in events(answer.aiter_lines()):
            stream.noticed(event)
            if not event.data:
                continue
            if len(event.data) > _MAX_EVENT:
                raise ClientError(f"The server sent an event of {len(event.data)} characters.")
            received = object_in(event.data)
            if "method" in received:
                await self._received(received, progress)
            elif identifier is not None and received.get("id") == identifier:
                return received
            else:
                self._strayed(received)
        return None

    def _strayed(self, received: dict[str, Any]) -> None:
        """An answer on another stream than that of its request, as servers send it whose own stream has closed."""
        identifier = received.get("id")
        waiting = self._waiting.get(identifier) if isinstance(identifier, int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(received)

    async def _resumed(
        self,
        stream: _Stream,
        answered: asyncio.Future[dict[str, Any]],
        identifier: int,
        method: str,
        progress: ProgressHandler | None,
    ) -> dict[str, Any]:
        """The answer, from where the stream broke off, or from wherever it comes (PROTOCOL G-06, G-07)."""
        for _ in range(_MOST_RESUMES if isinstance(self._era, Legacy) else 0):
            if answered.done() or stream.last_id is None:
                break
            await asyncio.wait((answered,), timeout=stream.retry)
            if answered.done():
                break
            reading = asyncio.ensure_future(self._read_again(stream, identifier, progress))
            try:
                await asyncio.wait((answered, reading), return_when=asyncio.FIRST_COMPLETED)
                found = None if answered.done() else reading.result()
            finally:
                reading.cancel()
                await asyncio.wait((reading,))
            if found is not None:
                return found
        if answered.done():
            return answered.result()
        raise ClientError(f"{self.url} closed its stream before it answered {method}.")

    async def _read_again(
        self, stream: _Stream, identifier: int, progress: ProgressHandler | None
    ) -> dict[str, Any] | None:
        headers = self._common() | self._connected().headers("", {}) | {"last-event-id": str(stream.last_id)}
        headers["accept"] = "text/event-stream"
        with reached(self.url):
            async with self._client().stream("GET", self.url, headers=headers) as answer:
                if answer.status_code >= 400:
                    raise self._refusal(answer, await answer.aread())
                return await self._read(answer, stream, identifier, progress)

    async def _listen(self, open_now: asyncio.Future[None]) -> None:
        """Hear what a legacy server says beside its answers, as long as it lets us (PROTOCOL G-04)."""
        stream = _Stream()
        while isinstance(self._era, Legacy) and self._http is not None:
            headers = self._common() | self._era.headers("", {})
            headers["accept"] = "text/event-stream"
            if stream.last_id is not None:
                headers["last-event-id"] = stream.last_id
            try:
                with reached(self.url):
                    async with self._http.stream("GET", self.url, headers=headers) as answer:
                        if not open_now.done():
                            open_now.set_result(None)
                        if answer.status_code in _REFUSED_STREAM or not _is_stream(answer):
                            return
                        await self._read(answer, stream, None, None)
            except ClientError:
                pass  # the connection broke: try again, as after an ordinary end
            await asyncio.sleep(stream.retry)

    async def _received(self, message: dict[str, Any], progress: ProgressHandler | None) -> None:
        """A notification or a question on a stream."""
        if "id" not in message:
            await self._handlers.notified(str(message["method"]), message.get("params") or {}, progress)
        elif isinstance(self._era, Legacy):  # a modern server puts no requests on streams (PROTOCOL S-04)
            await self._post(await replied(message, self._handlers))

    async def _post(self, message: dict[str, Any]) -> None:
        headers = self._common() | self._connected().headers("", {})
        http = self._client()
        with reached(self.url):
            answer = await http.post(self.url, content=encoded(message), headers=headers)
        if answer.status_code >= 400:
            raise self._refusal(answer, answer.content)

    # What answers mean.

    def _refusal(self, answer: httpx2.Response, body: bytes) -> Exception:
        """What an HTTP error means: a JSON-RPC error in its body, a refused credential, or an older server."""
        status = answer.status_code
        if status in (401, 403):
            return ClientError(f"{self.url} answered {status}: the key or token is missing, wrong or not enough.")
        try:
            received = object_in(body)
        except ClientError:
            received = {}
        error = received.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if self._probing and status < 500 and not (isinstance(code, int) and is_modern_error(status, code)):
            return _NotModern(f"{self.url} answered {status} to a request of {MODERN}.")
        if status == 404 and isinstance(self._era, Legacy) and self._era.session_id is not None:
            return _SessionGone(f"{self.url} does not know the session any more.")
        if isinstance(error, dict) and isinstance(code, int):
            return remote_error(error)
        if status in (400, 404, 405) and isinstance(self._era, Legacy) and self._era.version is None:
            return _NoPosts(f"{self.url} answered with HTTP status {status}.")
        return ClientError(f"{self.url} answered with HTTP status {status}.")

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        error, result = message.get("error"), message.get("result")
        if isinstance(error, dict):
            if self._probing and error.get("code") not in MODERN_ERRORS:
                raise _NotModern(f"{self.url} answered a request of {MODERN} with an error of older servers.")
            raise remote_error(error)
        if not isinstance(result, dict):
            raise ClientError("The server's answer has neither a result nor an error.")
        return result

    def _common(self) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self._headers,
        }
        if isinstance(self._auth, str) and self._auth != "oauth":
            headers["authorization"] = f"Bearer {self._auth}"
        return headers

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            raise ClientError("The client is closed.")
        return self._http

    def _connected(self) -> Era:
        if self._era is None:
            raise ClientError("The client is closed.")
        return self._era


class _Stream:
    """Where a stream is: its last event's id, and how long to wait before taking it up again."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self.retry = _RETRY_SECONDS

    def noticed(self, event: Event) -> None:
        if event.id is not None:
            self.last_id = event.id
        if event.retry is not None:
            self.retry = min(event.retry / 1000, _LONGEST_RETRY)


class _NotModern(ClientError):
    """The server answered as one that knows no modern revision."""


class _NoPosts(ClientError):
    """The address does not take the message that begins a session."""


class _SessionGone(ClientError):
    """The legacy session has ended at the server."""


def _is_stream(answer: httpx2.Response) -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/event-stream")
