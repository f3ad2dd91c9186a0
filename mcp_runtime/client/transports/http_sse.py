"""HTTP+SSE, the transport of 2024-11-05: one stream for what the server says, one address to post to (PROTOCOL 3.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from mcp_runtime.client.handlers import Handlers
from mcp_runtime.client.sse import events
from mcp_runtime.client.transports.duplex import Duplex
from mcp_runtime.client.transports.wire import encoded, object_in, reached
from mcp_runtime.framework.errors import ClientError

if TYPE_CHECKING:
    import httpx2

__all__ = ("SSETransport",)

_STREAM_SECONDS = 30.0
"""How long the server may take to name its address."""
_MAX_EVENT = 16 * 1024 * 1024


class SSETransport(Duplex):
    """`sse_read_timeout` is the longest silence on the stream; by default there is none too long."""

    def __init__(
        self,
        url: object,
        headers: Mapping[str, str] | None = None,
        auth: str | httpx2.Auth | None = None,
        sse_read_timeout: Any = None,
        httpx_client_factory: Callable[..., httpx2.AsyncClient] | None = None,
        *,
        mode: str = "legacy",
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__()
        self.url = str(url)
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._auth = auth
        self._silence = sse_read_timeout
        self._factory = httpx_client_factory
        self._mode = "legacy" if mode == "auto" else mode
        self._given_client = http_client
        self._http: httpx2.AsyncClient | None = http_client
        self._endpoint: asyncio.Future[str] | None = None

    def __repr__(self) -> str:
        return f"<SSETransport to {self.url}>"

    def fresh(self) -> Self:
        return type(self)(
            self.url,
            self._headers,
            self._auth,
            self._silence,
            self._factory,
            mode=self._mode,
            http_client=self._given_client,
        )

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        if self._http is None:
            import httpx2

            from mcp_runtime.client.auth import as_httpx_auth

            silence = self._silence.total_seconds() if hasattr(self._silence, "total_seconds") else self._silence
            make = self._factory or httpx2.AsyncClient
            self._http = make(
                timeout=httpx2.Timeout(30.0, read=silence),
                follow_redirects=False,
                auth=as_httpx_auth(self._auth, self.url),
            )
        self._endpoint = asyncio.get_running_loop().create_future()
        self._endpoint.add_done_callback(_looked_at)
        self._listening()
        self._start(self._listen(self._http, self._endpoint))
        try:
            async with asyncio.timeout(_STREAM_SECONDS):
                await asyncio.shield(self._endpoint)
        except TimeoutError as error:
            await self.close()
            raise ClientError(f"{self.url} named no address to post to within {_STREAM_SECONDS:g} s.") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        http, self._http, self._endpoint = self._http, self._given_client, None
        await self._silent()
        if http is not None and http is not self._given_client:
            await http.aclose()

    async def _listen(self, http: httpx2.AsyncClient, endpoint: asyncio.Future[str]) -> None:
        try:
            with reached(self.url):
                async with http.stream("GET", self.url, headers=self._common("text/event-stream")) as answer:
                    if answer.status_code != 200:
                        raise ClientError(f"{self.url} answered with HTTP status {answer.status_code}.")
                    async for event in events(answer.aiter_lines()):
                        if event.name == "endpoint":
                            if not endpoint.done():
                                endpoint.set_result(self._same_origin(event.data))
                        elif event.name == "message" and event.data:
                            if len(event.data) > _MAX_EVENT:
                                raise ClientError(f"The server sent an event of {len(event.data)} characters.")
                            self._arrived(object_in(event.data))
            raise ClientError(f"{self.url} closed its stream.")
        except ClientError as error:
            if not endpoint.done():
                endpoint.set_exception(error)
            self._lost(str(error))

    async def _write(self, message: dict[str, Any]) -> None:
        http, endpoint = self._http, self._endpoint
        if http is None or endpoint is None or not endpoint.done():
            raise ClientError("The client is closed.")
        with reached(self.url):
            answer = await http.post(endpoint.result(), content=encoded(message), headers=self._common("*/*"))
        if answer.status_code >= 400:
            raise ClientError(f"{endpoint.result()} answered with HTTP status {answer.status_code}.")

    def _same_origin(self, address: str) -> str:
        """Where to post to. Raises ClientError for an address of another server (PROTOCOL X-01)."""
        found = urljoin(self.url, address)
        if urlsplit(found)[:2] != urlsplit(self.url)[:2]:
            raise ClientError(f"{self.url} names an address of another server to post to; that is refused.")
        return found

    def _common(self, accept: str) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept": accept, **self._headers}
        if isinstance(self._auth, str) and self._auth != "oauth":
            headers["authorization"] = f"Bearer {self._auth}"
        return headers


def _looked_at(future: asyncio.Future[str]) -> None:
    if not future.cancelled():
        future.exception()  # whoever opens the connection gets it; nobody may be waiting
