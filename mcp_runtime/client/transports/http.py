"""Streamable HTTP: one address, both eras (PROTOCOL 3.1, 3.2, V-13)."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.sse import events
from mcp_runtime.client.transports.eras import (
    LATEST_LEGACY,
    MODERN,
    MODERN_ERRORS,
    Era,
    Legacy,
    Modern,
    is_modern_error,
)
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.framework.types import Implementation, InitializeResult
from mcp_runtime.protocol.errors import McpError, MethodNotFound

if TYPE_CHECKING:
    import httpx2

__all__ = ("StreamableHttpTransport",)

_ROUNDS = 10
"""How often one request may ask the client something before it is given up (PROTOCOL MR-08)."""
_MAX_EVENT = 16 * 1024 * 1024


class StreamableHttpTransport:
    """`mode` is "auto", "legacy", or the one version to speak."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: str | httpx2.Auth | None = None,
        mode: str = "auto",
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        if auth == "oauth":
            raise ValueError("auth='oauth' is not part of this version; give the key or token itself: auth='stoa_…'.")
        if http_client is not None and auth is not None and not isinstance(auth, str):
            raise ValueError("Give the auth object to the http_client itself.")
        self.url = url
        self._headers = dict(headers or {})
        self._auth = auth
        self._mode = mode
        self._given_client = http_client
        self._http: httpx2.AsyncClient | None = http_client
        self._handlers = Handlers()
        self._client_info: dict[str, Any] = {}
        self._era: Era | None = None
        self._probing = False
        self._ids = itertools.count(1)

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        if self._http is None:
            import httpx2

            # Calls take as long as the tool takes: only connecting and sending have a limit of their own.
            self._http = httpx2.AsyncClient(
                timeout=httpx2.Timeout(30.0, read=None),
                follow_redirects=False,
                auth=None if isinstance(self._auth, str) else self._auth,
            )

    async def introduce(self) -> InitializeResult:
        if self._mode == "legacy":
            return await self._initialize(LATEST_LEGACY)
        if self._mode not in ("auto", MODERN):
            return await self._initialize(self._mode)
        self._era = Modern(self._handlers, self._client_info)
        self._probing = True
        try:
            found = await self._request_once("server/discover", {})
        except _NotModern:
            if self._mode == MODERN:
                raise ClientError(f"{self.url} does not speak {MODERN}.") from None
            self._probing = False
            return await self._initialize(LATEST_LEGACY)
        except McpError as error:
            versions = _supported(error)
            if self._mode == "auto" and versions and MODERN not in versions:
                self._probing = False
                return await self._initialize(versions[0])
            raise
        finally:
            self._probing = False
        info = (found.get("_meta") or {}).get("io.modelcontextprotocol/serverInfo") or {"name": ""}
        return InitializeResult(
            protocol_version=MODERN,
            capabilities=found.get("capabilities") or {},
            server_info=Implementation.from_wire(info),
            instructions=found.get("instructions"),
        )

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        if self._era is None:
            raise ClientError("The client is not connected: use it in `async with client:`, or call initialize().")
        answers: dict[str, Any] = {}
        for _ in range(_ROUNDS):
            result = await self._request_in_session(method, {**params, **answers}, progress)
            if result.get("resultType") != "input_required":
                return result
            answers = await self._answered(result)
        raise ClientError(f"The server asked {_ROUNDS} times before answering {method}; the client gave up.")

    async def close(self) -> None:
        http, era = self._http, self._era
        self._http, self._era = self._given_client, None
        if http is None:
            return
        if isinstance(era, Legacy) and era.session_id is not None:
            with contextlib.suppress(ClientError), _reached(self.url):
                await http.delete(self.url, headers=self._common() | era.headers("", {}))
        if http is not self._given_client:
            await http.aclose()

    async def _initialize(self, version: str) -> InitializeResult:
        self._era = era = Legacy(self._handlers, self._client_info)
        answer = await self._request_once("initialize", era.introduction(version))
        result = InitializeResult(**answer)
        era.version = result.protocol_version
        await self._notify("notifications/initialized")
        if self._handlers.log is not None and "logging" in result.capabilities:
            with contextlib.suppress(McpError):  # then it logs at the level it likes
                await self._request_once("logging/setLevel", {"level": "debug"})
        return result

    async def _answered(self, result: dict[str, Any]) -> dict[str, Any]:
        """The members that a retry adds after the server asked for input (PROTOCOL MR-03)."""
        asked = result.get("inputRequests") or {}
        added: dict[str, Any] = {
            "inputResponses": {
                key: await self._handlers.asked(question["method"], question.get("params") or {})
                for key, question in asked.items()
            }
        }
        if "requestState" in result:
            added["requestState"] = result["requestState"]
        return added

    async def _request_in_session(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> dict[str, Any]:
        """A legacy session that has ended is begun anew, once."""
        try:
            return await self._request_once(method, params, progress)
        except _SessionGone:
            era = self._era
            await self._initialize(era.version if isinstance(era, Legacy) and era.version else LATEST_LEGACY)
            return await self._request_once(method, params, progress)

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
        body = msgspec.json.encode(message)
        with _reached(self.url):
            async with http.stream("POST", self.url, content=body, headers=headers) as answer:
                return await self._answer(answer, method, identifier, progress)

    async def _answer(
        self, answer: httpx2.Response, method: str, identifier: int, progress: ProgressHandler | None
    ) -> dict[str, Any]:
        self._connected().noticed(answer.headers)
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, await answer.aread())
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            async for event in events(answer.aiter_lines()):
                if len(event.data) > _MAX_EVENT:
                    raise ClientError(f"The server sent an event of {len(event.data)} characters.")
                received = _object(event.data)
                if "method" in received:
                    await self._received(received, progress)
                elif received.get("id") == identifier:
                    return self._result(received)
            raise ClientError(f"{self.url} closed its stream before it answered {method}.")
        return self._result(_object(await answer.aread()))

    async def _received(self, message: dict[str, Any], progress: ProgressHandler | None) -> None:
        """A notification or a question on the stream of a request."""
        method, params = str(message["method"]), message.get("params") or {}
        if "id" not in message:
            await self._handlers.notified(method, params, progress)
            return
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            reply["result"] = {} if method == "ping" else await self._handlers.asked(method, params)
        except CannotAsk as error:
            reply["error"] = MethodNotFound(method).as_object() | {"message": str(error)}
        await self._post(reply)

    async def _notify(self, method: str) -> None:
        await self._post({"jsonrpc": "2.0", "method": method})

    async def _post(self, message: dict[str, Any]) -> None:
        headers = self._common() | self._connected().headers("", {})
        http = self._client()
        with _reached(self.url):
            answer = await http.post(self.url, content=msgspec.json.encode(message), headers=headers)
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, answer.content)

    def _refusal(self, status: int, body: bytes) -> Exception:
        """What an HTTP error means: a JSON-RPC error in its body, a refused credential, or an older server."""
        if status in (401, 403):
            return ClientError(f"{self.url} answered {status}: the key or token is missing, wrong or not enough.")
        try:
            received = _object(body)
        except ClientError:
            received = {}
        error = received.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if self._probing and status < 500 and not (isinstance(code, int) and is_modern_error(status, code)):
            return _NotModern(f"{self.url} answered {status} to a request of {MODERN}.")
        if status == 404 and isinstance(self._era, Legacy) and self._era.session_id is not None:
            return _SessionGone(f"{self.url} does not know the session any more.")
        if isinstance(error, dict) and isinstance(code, int):
            return _error(error)
        return ClientError(f"{self.url} answered with HTTP status {status}.")

    def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        error, result = message.get("error"), message.get("result")
        if isinstance(error, dict):
            if self._probing and error.get("code") not in MODERN_ERRORS:
                raise _NotModern(f"{self.url} answered a request of {MODERN} with an error of older servers.")
            raise _error(error)
        if not isinstance(result, dict):
            raise ClientError("The server's answer has neither a result nor an error.")
        return result

    def _common(self) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **{name.lower(): value for name, value in self._headers.items()},
        }
        if isinstance(self._auth, str):
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


class _NotModern(ClientError):
    """The server answered as one that knows no modern revision."""


class _SessionGone(ClientError):
    """The legacy session has ended at the server."""


@contextlib.contextmanager
def _reached(url: str) -> Iterator[None]:
    """Say which server could not be reached, and why."""
    import httpx2

    try:
        yield
    except httpx2.HTTPError as error:
        raise ClientError(f"{url} cannot be reached: {str(error) or type(error).__name__}") from error


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ClientError("The server answered with something that is not JSON.") from error
    if not isinstance(value, dict):
        raise ClientError("The server answered with JSON that is no JSON-RPC message.")
    return value


def _error(error: dict[str, Any]) -> McpError:
    return McpError(str(error.get("message", "")), code=error.get("code"), data=error.get("data"))


def _supported(error: McpError) -> list[str]:
    """The versions a server named when it refused ours."""
    data = error.data
    versions = data.get("supported") if error.code == -32022 and isinstance(data, dict) else None
    return [version for version in versions if isinstance(version, str)] if isinstance(versions, list) else []
