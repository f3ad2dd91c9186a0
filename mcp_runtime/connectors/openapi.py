"""Members of kind `openapi`: HTTP APIs, reached through the guarded client from this process.

What a call needs was worked out at import (`ports.apis`); the framework's own code writes the request, so a server
made by `FastMCP.from_openapi` and one imported here send the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import httpx2
import msgspec

from mcp_runtime.connectors.api_credentials import Credentials, Entry
from mcp_runtime.connectors.api_results import read_result, refused, tool_result
from mcp_runtime.connectors.breaker import Breakers
from mcp_runtime.connectors.outbound import COOKIE, guarded_client
from mcp_runtime.connectors.remote_failures import explain, timed_out
from mcp_runtime.framework.errors import ClientError, ToolError
from mcp_runtime.framework.openapi.arguments import Arguments
from mcp_runtime.framework.openapi.documents import ParameterInfo, RequestBodyInfo
from mcp_runtime.framework.openapi.requests import Outgoing
from mcp_runtime.ports.apis import Api, Body, Operation
from mcp_runtime.ports.credentials import Secrets
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import InvalidParams, UnknownResource, UnknownTool
from mcp_runtime.protocol.trace_context import parse
from mcp_runtime.protocol.uri_templates import UriTemplate

IDLE_SECONDS = 300.0
MAX_APIS = 500
"""Of one gateway process, with connections kept open."""
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_BINARY = {"type": "string", "format": "binary"}


class Apis:
    """The connections of one process to HTTP APIs. Needs no start; `aclose` ends them all."""

    def __init__(
        self,
        secrets: Secrets,
        *,
        networks: Sequence[str] = (),
        now: Callable[[], float] = time.monotonic,
        breakers: Breakers | None = None,
    ) -> None:
        """`networks` are those that the operator lets tenants reach beside the public Internet."""
        self.breakers = breakers or Breakers(now)
        self._secrets = secrets
        self._networks = networks
        self._now = now
        self._sessions: dict[tuple[str, str], Session] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def upstream(self, api: Api) -> ApiUpstream:
        return ApiUpstream(api, self)

    def session(self, api: Api) -> Session:
        """The one of this revision. Those that nobody used for a while are closed."""
        key = (api.server_id, api.revision_id)
        session = self._sessions.pop(key, None)
        if session is None:
            self._make_room()
            session = Session(api, self._secrets, self._networks)
        self._sessions[key] = session  # the last one is the one used last
        session.used_at = self._now()
        return session

    async def aclose(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*self._closing, *(session.aclose() for session in sessions))

    def _make_room(self) -> None:
        before = self._now() - IDLE_SECONDS
        for key, session in list(self._sessions.items()):
            if session.used_at > before and len(self._sessions) < MAX_APIS:
                break
            if not session.calls:
                del self._sessions[key]
                closing = asyncio.get_running_loop().create_task(session.aclose())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)


class Session:
    """One revision of one API: its pool of connections and its opened credentials."""

    def __init__(self, api: Api, secrets: Secrets, networks: Sequence[str]) -> None:
        self.used_at = 0.0
        self.calls = 0
        self._api = api
        self._secrets = secrets
        self._networks = networks
        self._clients: dict[bool, httpx2.AsyncClient] = {}
        self._opening: asyncio.Task[Credentials] | None = None

    async def credentials(self) -> Credentials:
        """Opened once, by the first call; a failure is the callers' who waited for it, and tried again by the next."""
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._opening = asyncio.create_task(self._opened())
        return await asyncio.shield(self._opening)

    def client(self, url: str) -> httpx2.AsyncClient:
        """The pool for this address."""
        tls = url.lower().startswith("https:")
        client = self._clients.get(tls)
        if client is None:
            client = self._clients[tls] = guarded_client(self._networks, tls=tls, judges=False)
        return client

    async def aclose(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def _opened(self) -> Credentials:
        secrets = await self._secrets.environment(self._api.tenant_id, self._api.server_id) if self._api.schemes else {}
        return Credentials(self._api, secrets, self.client)


class ApiUpstream:
    """Calls the operations of one API (`connectors.upstream.Upstream`)."""

    kind: ClassVar = "openapi"

    __slots__ = ("_api", "_apis", "_arguments", "_templates")

    def __init__(self, api: Api, apis: Apis) -> None:
        self._api = api
        self._apis = apis
        self._arguments: dict[int, Arguments] = {}
        self._templates = [(UriTemplate(template), operation) for template, operation in api.templates.items()]

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        decoded: dict[str, Any] = msgspec.json.decode(params)
        if method == "tools/call":
            result = await self._call_tool(decoded, caller)
        elif method == "resources/read":
            result = await self._read(decoded, caller)
        else:
            raise InvalidParams(f"This server has nothing for {method}.")
        return msgspec.Raw(msgspec.json.encode(result))

    async def _call_tool(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        name = str(params.get("name"))
        operation = self._api.tools.get(name)
        if operation is None:
            raise UnknownTool(name)
        try:
            outgoing = self._request(operation, params.get("arguments") or {})
        except ToolError as error:
            return refused(str(error))
        response = await self._sent(operation, _traced(outgoing, params), caller)
        return tool_result(response, operation, name)

    async def _read(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        uri = str(params.get("uri"))
        found = self._resource(uri)
        if found is None:
            raise UnknownResource(uri)
        operation, values = found
        try:
            outgoing = self._request(operation, values)
        except ToolError as error:
            raise InvalidParams(str(error)) from None
        return read_result(await self._sent(operation, _traced(outgoing, params), caller), uri, caller.request_id)

    def _resource(self, uri: str) -> tuple[Operation, dict[str, str]] | None:
        operation = self._api.resources.get(uri)
        if operation is not None:
            return operation, {}
        for template, one in self._templates:
            values = template.match(uri, unsafe=True)  # `path_of` judges what a path may hold
            if values is not None:
                return one, values
        return None

    def _request(self, operation: Operation, arguments: Mapping[str, Any]) -> Outgoing:
        """Raises ToolError for arguments that cannot be sent."""
        known = self._arguments.get(id(operation))  # it lives as long as the plan, and so as long as we
        if known is None:
            known = self._arguments[id(operation)] = arguments_of(operation)
        return known.request({name: value for name, value in arguments.items() if value is not None})

    async def _sent(self, operation: Operation, outgoing: Outgoing, caller: Caller) -> httpx2.Response:
        """The answer, whole. Sent once, but for reading when the connection broke. Raises McpError."""
        session = self._apis.session(self._api)
        session.calls += 1
        try:
            with self._apis.breakers.watching((self._api.server_id, self._api.revision_id)):
                return await self._answer(session, operation, outgoing)
        except ClientError as error:
            raise explain(error, caller.request_id) from error
        except TimeoutError as error:
            raise timed_out(caller.request_id) from error
        finally:
            session.calls -= 1

    async def _answer(self, session: Session, operation: Operation, outgoing: Outgoing) -> httpx2.Response:
        """Raises ClientError, TimeoutError."""
        async with asyncio.timeout(self._api.seconds):
            credentials = await session.credentials()
            entry = await credentials.entry(operation)
            response = await self._tried(session, operation, outgoing, entry)
            if response.status_code == 401 and entry.tokens:
                credentials.refused(entry)
                # It was not let in, so nothing was done: with a new token it may be sent again.
                response = await self._tried(session, operation, outgoing, await credentials.entry(operation))
            return response

    async def _tried(self, session: Session, operation: Operation, outgoing: Outgoing, entry: Entry) -> httpx2.Response:
        base_url = operation.base_url or self._api.base_url
        client = session.client(base_url)
        request = built(client, base_url, operation, outgoing, entry)
        try:
            if operation.method in _HARMLESS:
                with contextlib.suppress(httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                    return await client.send(request)  # a kept connection may have been closed from the other side
                request = built(client, base_url, operation, outgoing, entry)
            return await client.send(request)
        except httpx2.TimeoutException as error:
            raise TimeoutError from error
        except (httpx2.HTTPError, OSError) as error:
            raise ClientError(f"The API could not be reached: {type(error).__name__}.") from error


def _traced(outgoing: Outgoing, params: Mapping[str, Any]) -> Outgoing:
    """With the caller's trace context, where it has one, as the HTTP header that APIs know it by."""
    trace = parse(params.get("_meta", {}).get("traceparent"))
    return outgoing if trace is None else replace(outgoing, headers={**outgoing.headers, "traceparent": str(trace)})


def arguments_of(operation: Operation) -> Arguments:
    """How the operation's arguments become a request."""
    body = operation.body
    properties = [*operation.parameters, *(() if body is None else body.members or (body.argument,))]
    return Arguments(
        path=operation.path,
        schema={"type": "object", "properties": dict.fromkeys(properties, True)},
        parameters={
            argument: ParameterInfo(
                name=one.name,
                location=one.place,
                required=one.required,
                schema={},
                style=one.style,
                explode=one.explode,
                allow_reserved=one.allow_reserved,
                as_json=one.as_json,
            )
            for argument, one in operation.parameters.items()
        },
        body=None if body is None else _body_info(body),
        members=None if body is None else body.members,
    )


def _body_info(body: Body) -> RequestBodyInfo:
    if "*" in body.binary:
        schema: dict[str, Any] = _BINARY
    else:
        # Of a list of files each is one: the same words for both.
        schema = {"properties": {name: {**_BINARY, "items": _BINARY} for name in body.binary}}
    return RequestBodyInfo(
        content_type=body.content_type, schema=schema, required=body.required, encoding=body.encoding
    )


def built(
    client: httpx2.AsyncClient, base_url: str, operation: Operation, outgoing: Outgoing, entry: Entry
) -> httpx2.Request:
    """Our credentials stand last, so that no argument stands in their place."""
    taken = {name.lower() for name in entry.headers}
    headers = {name: value for name, value in outgoing.headers.items() if name.lower() not in taken} | entry.headers
    headers.setdefault("accept", "application/json, */*;q=0.5")
    cookies = [*outgoing.cookies, *entry.cookies]
    # Of the document's own making: some tell operations apart by a query or a fragment in the path.
    path, _, own = outgoing.path.partition("#")[0].partition("?")
    query = "&".join(part for part in (own, *outgoing.query, *entry.query) if part)
    request = client.build_request(
        operation.method,
        base_url.rstrip("/") + path + (f"?{query}" if query else ""),
        headers=headers,
        content=outgoing.content,
        files=outgoing.files,
    )
    if request.url.copy_with(raw_path=b"/") != httpx2.URL(base_url).copy_with(raw_path=b"/"):
        raise ClientError("The operation's path leads to another host.")
    if cookies:
        request.extensions[COOKIE] = "; ".join(cookies)
    return request
