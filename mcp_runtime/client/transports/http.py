"""Streamable HTTP: one address, both eras (PROTOCOL 3.1, 3.2, V-13)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.sse import events
from mcp_runtime.client.transports.answers import (
    NoPosts,
    NotModern,
    Position,
    SessionGone,
    is_stream,
    refusal,
    result_in,
)
from mcp_runtime.client.transports.eras import LATEST_LEGACY, MODERN, Era, Legacy, Modern
from mcp_runtime.client.transports.listener import Listener, listened_to
from mcp_runtime.client.transports.wire import discovered, encoded, object_in, reached, replied, supported_versions
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
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


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
        self._target: httpx2.URL | str = self.url
        """The address, read once."""
        self._handlers = Handlers()
        self._client_info: dict[str, Any] = {}
        self._era: Era | None = None
        self._probing = False
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listener: Listener | None = None
        self._wanted: dict[str, bool] = {}
        self._older: SSETransport | None = None

    def __repr__(self) -> str:
        return f"<StreamableHttpTransport to {self.url}>"

    def fresh(self) -> Self:
        return type(self)(
            self.url, self._headers, self._auth, self._factory, mode=self._mode, http_client=self._given_client
        )

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        import httpx2

        self._handlers, self._client_info = handlers, client_info
        with reached(self.url):
            self._target = httpx2.URL(self.url)
        if self._http is None:
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
        except NotModern:
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
        result = discovered(found)
        self._wanted = listened_to(result.capabilities)
        if self._wanted and self._handlers.message is not None and self._listener is None:
            self._listener = Listener(self._beside, self._heard)
            await self._listener.start()
        return result

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
        except SessionGone:
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
            await listener.stop()
        if http is None:
            return
        if isinstance(era, Legacy) and era.session_id is not None:
            with contextlib.suppress(ClientError), reached(self.url):
                await http.delete(self._target, headers=self._common() | era.headers("", {}))
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
        except NoPosts as error:
            refused = error
        from mcp_runtime.client.transports.http_sse import SSETransport

        older = SSETransport(self.url, self._headers, self._auth, http_client=self._client())
        try:
            await older.open(self._handlers, self._client_info)
        except ClientError:
            raise refused from None  # it is none of those either: what it said first counts
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
            self._listener = Listener(self._beside, self._heard)
            await self._listener.start()
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
                async with http.stream("POST", self._target, content=encoded(message), headers=headers) as answer:
                    self._connected().noticed(answer.headers)
                    if answer.status_code >= 400:
                        raise self._refused(answer.status_code, await answer.aread())
                    if not is_stream(answer):
                        return self._result(object_in(await answer.aread()))
                    stream = Position()
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
        self, answer: httpx2.Response, stream: Position, identifier: int | None, progress: ProgressHandler | None
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
        stream: Position,
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
        self, stream: Position, identifier: int, progress: ProgressHandler | None
    ) -> dict[str, Any] | None:
        headers = self._common() | self._connected().headers("", {}) | {"last-event-id": str(stream.last_id)}
        headers["accept"] = "text/event-stream"
        with reached(self.url):
            async with self._client().stream("GET", self._target, headers=headers) as answer:
                if answer.status_code >= 400:
                    raise self._refused(answer.status_code, await answer.aread())
                return await self._read(answer, stream, identifier, progress)

    @contextlib.asynccontextmanager
    async def _beside(self, stream: Position) -> AsyncIterator[httpx2.Response]:
        """The stream beside the answers: what a legacy server says there, or what a modern one is asked to tell."""
        era = self._connected()
        headers, http = self._common(), self._client()
        with reached(self.url):
            if isinstance(era, Legacy):
                headers |= era.headers("", {}) | {"accept": "text/event-stream"}
                if stream.last_id is not None:
                    headers["last-event-id"] = stream.last_id
                async with http.stream("GET", self._target, headers=headers) as answer:
                    yield answer
                return
            method, params = "subscriptions/listen", era.params({"notifications": self._wanted}, token=None)
            message = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
            headers |= era.headers(method, params)
            async with http.stream("POST", self._target, content=encoded(message), headers=headers) as answer:
                yield answer

    async def _heard(self, answer: httpx2.Response, stream: Position) -> None:
        await self._read(answer, stream, None, None)

    async def _received(self, message: dict[str, Any], progress: ProgressHandler | None) -> None:
        """A notification or a question on a stream."""
        if message["method"] == _ACKNOWLEDGED:
            return  # the server listens to us listening
        if "id" not in message:
            await self._handlers.notified(str(message["method"]), message.get("params") or {}, progress)
        elif isinstance(self._era, Legacy):  # a modern server puts no requests on streams (PROTOCOL S-04)
            await self._post(await replied(message, self._handlers))

    async def _post(self, message: dict[str, Any]) -> None:
        headers = self._common() | self._connected().headers("", {})
        http = self._client()
        with reached(self.url):
            answer = await http.post(self._target, content=encoded(message), headers=headers)
        if answer.status_code >= 400:
            raise self._refused(answer.status_code, answer.content)

    # What the above needs.

    def _refused(self, status: int, body: bytes) -> Exception:
        return refusal(self.url, status, body, era=self._era, probing=self._probing)

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        return result_in(self.url, message, probing=self._probing)

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
