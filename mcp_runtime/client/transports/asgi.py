"""An ASGI application in the same process, spoken to by HTTP without a network.

Unlike the transport that comes with httpx2, this one gives the response while the application still writes it, so
that streams which never end can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.errors import ClientError

if TYPE_CHECKING:
    import httpx2

__all__ = ("asgi_client", "is_asgi")

Message = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]
_CHUNKS = 64
"""Parts of a response that wait to be read before the application has to wait."""


def is_asgi(target: Any) -> bool:
    """Whether it looks like an application: called with scope, receive and send."""
    import inspect

    if not callable(target) or isinstance(target, type):
        return False
    try:
        return list(inspect.signature(target).parameters)[:3] == ["scope", "receive", "send"]
    except (TypeError, ValueError):
        return False


def asgi_client(app: Application, **options: Any) -> httpx2.AsyncClient:
    """An HTTP client of the application, whose lifespan runs as long as the client is open."""
    import httpx2

    class Transport(httpx2.AsyncBaseTransport):
        def __init__(self) -> None:
            self._lifespan: _Lifespan | None = None

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if self._lifespan is None:
                self._lifespan = _Lifespan(app)
                await self._lifespan.start()
            call = _Call(app)
            body = await request.aread()
            status, headers = await call.begin(_scope(request), body)
            return httpx2.Response(status, headers=headers, stream=Stream(call))

        async def aclose(self) -> None:
            if self._lifespan is not None:
                await self._lifespan.stop()

    class Stream(httpx2.AsyncByteStream):
        def __init__(self, call: _Call) -> None:
            self._call = call

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for part in self._call.parts():
                yield part

        async def aclose(self) -> None:
            await self._call.end()

    return httpx2.AsyncClient(transport=Transport(), **options)


def _scope(request: httpx2.Request) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port or 80),
        "client": ("127.0.0.1", 1),
    }


class _Call:
    """One request, in a task of its own; the reader hanging up is its disconnect."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._started: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(_CHUNKS)
        self._gone = asyncio.Event()
        self._body: bytes | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self, scope: Message, body: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
        self._body = body
        self._task = asyncio.get_running_loop().create_task(self._run(scope))
        try:
            return await self._started
        except BaseException:
            await self.end()
            raise

    async def parts(self) -> AsyncIterator[bytes]:
        while (part := await self._parts.get()) is not None:
            yield part
        if self._task is not None:
            await self._task  # an application that failed half-way says so here

    async def end(self) -> None:
        self._gone.set()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self, scope: Message) -> None:
        try:
            await self._app(scope, self._receive, self._send)
            if not self._started.done():
                self._started.set_exception(ClientError("The application ended without a response."))
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            if not self._gone.is_set():
                await self._parts.put(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._started.done():
                self._started.set_result((message["status"], list(message.get("headers", ()))))
        elif message["type"] == "http.response.body" and message.get("body"):
            await self._parts.put(message["body"])


class _Lifespan:
    """The application's lifespan; one that has none is left alone."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._asked = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ClientError where the application fails to start."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._ready

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            with contextlib.suppress(Exception):  # it has said what it had to say in its log
                await self._task

    async def _run(self) -> None:
        try:
            await self._app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self._receive, self._send)
        except Exception:
            if self._ready.done():
                raise
        finally:
            if not self._ready.done():
                self._ready.set_result(None)  # it knows no lifespan

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        if self._ready.done():
            return
        if message["type"] == "lifespan.startup.complete":
            self._ready.set_result(None)
        elif message["type"] == "lifespan.startup.failed":
            self._ready.set_exception(ClientError(f"The application does not start: {message.get('message', '')}"))
