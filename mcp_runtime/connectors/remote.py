"""Members of kind `remote`: MCP servers that run elsewhere, of any era, reached over HTTP.

Connections are kept and shared. A connection belongs to one caller of one revision of one server: a session at the
upstream, and what it remembers there, is nobody else's. The HTTP connections below them are pooled per upstream.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx2
import msgspec

from mcp_runtime.client.transports.base import Transport
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.client.transports.http_sse import SSETransport
from mcp_runtime.connectors.breaker import Breakers
from mcp_runtime.connectors.deadline import Deadline
from mcp_runtime.connectors.failures import pass_on
from mcp_runtime.connectors.lending import Lending
from mcp_runtime.connectors.openapi import Apis
from mcp_runtime.connectors.outbound import CredentialRefused, guarded_client
from mcp_runtime.connectors.relaying import ABILITIES, Listening, Relay
from mcp_runtime.connectors.remote_failures import explain, timed_out
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import InitializeResult
from mcp_runtime.ports.connections import Connections, Lent, NoConnections
from mcp_runtime.ports.credentials import Secrets
from mcp_runtime.ports.plans import Remote
from mcp_runtime.ports.sandboxes import Asker, EventSink, UpstreamError
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError

MAX_CONNECTIONS = 2_000
"""Of one gateway process, to all upstreams."""
IDLE_SECONDS = 300.0
CLOSE_SECONDS = 5.0
MOST_ROUNDS = 10
CLIENT_INFO = {"name": "stoa", "version": "1"}

Key = tuple[str, str, str, str]
ClientFactory = Callable[[bool], httpx2.AsyncClient]


class Remotes:
    """The connections of one process: to MCP servers, and as `apis` to others. No start; `aclose` ends them all."""

    def __init__(
        self,
        secrets: Secrets,
        *,
        connections: Connections | None = None,
        networks: Sequence[str] = (),
        on_change: Callable[[str, str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`networks` are those that the operator lets tenants reach beside the public Internet. `on_change` is called
        with the tenant's and the server's id when a server says that a list of its changed, as often as it says so."""
        self.breakers = Breakers(now)
        self.apis = Apis(secrets, networks=networks, now=now, breakers=self.breakers)
        self.lending = Lending(connections or NoConnections(), now=now)
        self._secrets = secrets
        self._networks = networks
        self._on_change = on_change
        self._now = now
        self._connections: dict[Key, Connection] = {}
        self._ears: dict[tuple[str, str], Connection] = {}
        """Which connection to a server without sessions also listens for changes; one does for all."""
        self._leaving: set[Connection] = set()
        """Lost or too old, with calls that may still end well."""
        self._clients: dict[tuple[str, str], httpx2.AsyncClient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def upstream(self, remote: Remote) -> RemoteUpstream:
        return RemoteUpstream(remote, self)

    def connection(self, remote: Remote, caller: Caller, asker: Asker | None, lent: Lent | None = None) -> Connection:
        """The one that this caller has with this credential, or a new one that is not open yet."""
        abilities = _abilities(caller) if asker is not None else {}
        key = (remote.server_id, remote.revision_id, caller.subject, msgspec.json.encode(abilities).decode())
        connection = self._connections.pop(key, None)
        if connection is None or connection.lost or connection.lent != lent:
            if connection is not None:
                self._leaving.add(connection)
            self._make_room()
            connection = Connection(remote, abilities, self._secrets, self._client(remote), lent)
            self._listen(remote, connection)
        self._connections[key] = connection  # the last one is the one used last
        connection.used_at = self._now()
        return connection

    async def aclose(self) -> None:
        await self.apis.aclose()
        for connection in (*self._connections.values(), *self._leaving):
            self._start(connection.close())
        self._connections.clear()
        self._leaving.clear()
        while self._closing:
            await asyncio.wait(self._closing)
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    def _listen(self, remote: Remote, connection: Connection) -> None:
        if self._on_change is None:
            return
        connection.relay.on_change = partial(self._on_change, remote.tenant_id, remote.server_id)
        ear = self._ears.get(connection.pool)
        if ear is None or ear.lost:
            connection.relay.message = _heard
            self._ears[connection.pool] = connection

    def _client(self, remote: Remote) -> httpx2.AsyncClient:
        """One pool of HTTP connections for each revision: they share an origin, and nothing else shares them."""
        key = (remote.server_id, remote.revision_id)  # `Connection.pool`
        client = self._clients.get(key)
        if client is None:
            client = guarded_client(self._networks, tls=remote.url.startswith("https:"))
            self._clients[key] = client
        return client

    def _make_room(self) -> None:
        """Close what was not used for a while, and the oldest when there are too many. They are in that order."""
        before = self._now() - IDLE_SECONDS
        for key, connection in list(self._connections.items()):
            if connection.used_at > before and len(self._connections) < MAX_CONNECTIONS:
                break
            self._leaving.add(self._connections.pop(key))
        used = {one.pool for one in (*self._connections.values(), *self._leaving)}
        for connection in [one for one in self._leaving if not one.relay.calls]:
            self._leaving.discard(connection)  # it says goodbye over its pool, which is closed next time
            self._start(connection.close())
        for unused in self._ears.keys() - used:
            del self._ears[unused]
        for unused in self._clients.keys() - used:
            self._start(self._clients.pop(unused).aclose())

    def _start(self, closing: Any) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class RemoteUpstream:
    """Calls one remote server (`connectors.upstream.Upstream`)."""

    kind: ClassVar = "remote"

    __slots__ = ("_remote", "_remotes")

    def __init__(self, remote: Remote, remotes: Remotes) -> None:
        self._remote = remote
        self._remotes = remotes

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """A call is sent once: whether the upstream did what it was asked before it failed is not ours to guess.

        But for one whose credential it did not take: that is sent again where there is another credential.
        """
        decoded: dict[str, Any] = msgspec.json.decode(params)
        try:
            lent = await self._remotes.lending.lent(self._remote, caller, asker)
            try:
                return await self._send(method, decoded, lent, caller, on_event, asker)
            except CredentialRefused as error:
                if lent is None or error.status != 401:
                    raise
            lent = await self._remotes.lending.lent(self._remote, caller, asker, refused=lent.token)
            return await self._send(method, decoded, lent, caller, on_event, asker)
        except ClientError as error:
            raise explain(error, caller.request_id) from error

    async def _send(
        self,
        method: str,
        decoded: dict[str, Any],
        lent: Lent | None,
        caller: Caller,
        on_event: EventSink | None,
        asker: Asker | None,
    ) -> msgspec.Raw:
        """Raises McpError, ClientError."""
        connection = self._remotes.connection(self._remote, caller, asker, lent)
        if on_event is not None:
            on_event("stoa/credential", msgspec.Raw(msgspec.json.encode(connection.credential)))
        try:
            with self._remotes.breakers.watching(connection.pool[:2]):
                async with Deadline(caller.seconds or self._remote.seconds) as deadline:
                    await connection.opened()
                    listening = Listening(on_event, asker, deadline)
                    result = await connection.request(method, decoded, listening, progress=caller.progress)
        except McpError as error:
            raise pass_on(UpstreamError(error.code, error.message, error.data)) from None
        except ClientError:
            connection.lost = True
            raise
        except TimeoutError as error:
            raise timed_out(caller.request_id) from error
        return msgspec.Raw(msgspec.json.encode(result))


class Connection:
    """One caller's connection to one remote server, opened when it is first needed."""

    def __init__(
        self,
        remote: Remote,
        abilities: dict[str, Any],
        secrets: Secrets,
        client: httpx2.AsyncClient,
        lent: Lent | None = None,
    ) -> None:
        self.relay = Relay(abilities=abilities, log=_heard)
        self.pool = (remote.server_id, remote.revision_id)
        self.lent = lent
        self.used_at = 0.0
        self.lost = False
        """What it was connected to is gone: the next call opens another one."""
        self._remote = remote
        self._secrets = secrets
        self._client = client
        self._transport: Transport | None = None
        self._turn = asyncio.Lock()

    @property
    def credential(self) -> str:
        """Whose it is: a connection's identifier, `server` for the server's own secret, or nothing."""
        return self.lent.connection_id if self.lent else "server" if self._remote.header else ""

    async def opened(self) -> None:
        """Raises ClientError, McpError."""
        if self._transport is not None:
            return
        async with self._turn:
            if self._transport is None:
                headers = await self._headers()
                transport = transport_to(self._remote, headers, self._client)
                await introduced(transport, self.relay)
                if self._remote.marked:
                    await transport.request("tools/list", {})
                self._transport = transport

    async def _headers(self) -> dict[str, str]:
        if self.lent is None:
            return await credential(self._remote, self._secrets)
        return {"Authorization": f"Bearer {self.lent.token}"}

    async def request(
        self, method: str, params: dict[str, Any], listening: Listening, *, progress: bool
    ) -> dict[str, Any]:
        """The result; the upstream's questions are answered on the way where the client can be asked (PROTOCOL 2.7)."""
        assert self._transport is not None
        on_progress = _progress_to(listening) if progress else None
        with self.relay.listening(listening):
            for _ in range(MOST_ROUNDS):
                result = await self._transport.request(method, params, progress=on_progress)
                if result.get("resultType") != "input_required" or listening.asker is None:
                    break
                params = {**params, **await self._answers(result)}
        if result.get("resultType") == "complete":
            del result["resultType"]
        return result

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        self.lost = True
        if transport is not None:
            with contextlib.suppress(TimeoutError, ClientError):  # it does not say goodbye; we leave
                async with asyncio.timeout(CLOSE_SECONDS):
                    await transport.close()

    async def _answers(self, result: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        if result.get("inputRequests"):
            answers["inputResponses"] = {
                key: await self.relay.asked(str(question.get("method")), question.get("params") or {})
                for key, question in result["inputRequests"].items()
            }
        if "requestState" in result:
            answers["requestState"] = result["requestState"]
        return answers


def transport_to(remote: Remote, headers: dict[str, str], client: httpx2.AsyncClient) -> Transport:
    """Not open yet. Which era the server speaks is found out anew: it may have learnt another since it was probed."""
    if remote.transport == "sse" or (remote.transport == "auto" and urlsplit(remote.url).path.endswith("/sse")):
        return SSETransport(remote.url, headers, http_client=client)
    return StreamableHttpTransport(remote.url, headers, http_client=client)


async def introduced(transport: Transport, relay: Relay) -> InitializeResult:
    """Open, and learn who is there. Closed again when that fails. Raises ClientError, McpError."""
    try:
        await transport.open(relay, CLIENT_INFO)
        return await transport.introduce()
    except BaseException:
        with contextlib.suppress(ClientError):
            await transport.close()
        raise


async def credential(remote: Remote, secrets: Secrets) -> dict[str, str]:
    """The header that lets us in. Raises ClientError when its secret is gone, or can stand in no header."""
    if remote.header is None:
        return {}
    value = (await secrets.environment(remote.tenant_id, remote.server_id)).get(remote.secret)
    if value is None:
        raise ClientError(f"The server has no secret {remote.secret}, which its credential was to be.")
    if not (value.isascii() and value.isprintable()):  # the HTTP library would repeat it in its complaint
        raise ClientError(f"The secret {remote.secret} has line breaks or other characters that no header can carry.")
    return {remote.header: f"{remote.scheme} {value}" if remote.scheme else value}


def _abilities(caller: Caller) -> dict[str, Any]:
    """What may be asked of this client."""
    return {name: value for name, value in caller.client_capabilities.items() if name in ABILITIES}


def _progress_to(listening: Listening) -> Any:
    def report(progress: float, total: float | None, message: str | None) -> None:
        if listening.on_event is not None:
            params = {"progress": progress, "total": total, "message": message}
            told = {name: value for name, value in params.items() if value is not None}
            listening.on_event("notifications/progress", msgspec.Raw(msgspec.json.encode(told)))

    return report


def _heard(message: object) -> None:
    """That there is a handler asks upstreams for what they say beside their answers; `Relay` hands it on."""
