"""`add`, behind our gateway: key check, validation, the call's record, and a sandbox.

`STOA_RUNNER_SOCKET` names a runner that has the code `STOA_BENCH_CODE` in its store; without it the tool runs in this
process, which measures the gateway alone. `STOA_BENCH_REMOTE` is the URL of an MCP server that has the tool instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from benchmarks.servers import tool_names
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.limits import Caps
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.ports.memory import MemoryCatalogue, MemoryCredentials, MemorySandboxes, MemorySecrets
from mcp_runtime.ports.plans import Component, Member, PlanDocument, Remote
from mcp_runtime.ports.sandboxes import EventSink, Sandboxes
from mcp_runtime.ports.workers import Caller, Worker
from mcp_runtime.sandbox.client import RunnerClient
from mcp_runtime.transports.asgi import Receive, Scope, Send
from tenants.principal import Principal

TOKEN = "stoa_bench"
TOOLS = int(os.environ.get("STOA_BENCH_TOOLS", "1"))
MEMBERS = int(os.environ.get("STOA_BENCH_MEMBERS", "1"))
"""How many members the endpoint has; the tools are theirs in turn."""
ENDPOINTS = int(os.environ.get("STOA_BENCH_ENDPOINTS", "1"))
"""How many endpoints are loaded, the one that is called among them."""
STREAMS = int(os.environ.get("STOA_BENCH_STREAMS", "256"))
"""How many streams one caller may have open."""
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


async def _add(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
    arguments = msgspec.json.decode(params)["arguments"]
    total = arguments["a"] + arguments["b"]
    return {"content": [{"type": "text", "text": str(total)}], "structuredContent": {"result": total}}


def _tool(number: int, name: str) -> Component:
    definition: dict[str, object] = {"name": name, "description": f"{name} two numbers", "inputSchema": SCHEMA}
    return Component(definition, number % MEMBERS, name)


def _remote() -> Member | None:
    url = os.environ.get("STOA_BENCH_REMOTE")
    remote = Remote("ten_bench", "srv_bench", "rev_bench", url, transport="streamable-http") if url else None
    return Member("srv_bench", "remote", remote=remote) if remote else None


def _gateway() -> tuple[Gateway, RunnerClient | None]:
    worker = Worker(
        "ten_bench", "srv_bench", "rev_bench", code=os.environ.get("STOA_BENCH_CODE", ""), entrypoint="add.py"
    )
    document = PlanDocument(
        tenant_id="ten_bench",
        tenant="bench",
        endpoint_id="ep_bench",
        endpoint="add",
        version=1,
        server_name="add",
        server_version="1",
        instructions=None,
        members=tuple(_remote() or Member("srv_bench", "python", worker, strict_input=True) for _ in range(MEMBERS)),
        tools=tuple(_tool(number, name) for number, name in enumerate(tool_names(TOOLS))),
    )
    credentials = MemoryCredentials()
    credentials.grant(
        TOKEN,
        Principal(
            tenant="ten_bench",
            issuer="stoa:keys",
            subject="key_bench",
            kind="api_key",
            client_id="key_bench",
            scopes=frozenset({"mcp:call"}),
            roles=frozenset(),
            audience="*",
        ),
        tenant="bench",
    )
    socket = os.environ.get("STOA_RUNNER_SOCKET")
    runner = RunnerClient(Path(socket)) if socket else None
    sandboxes: Sandboxes = runner or MemorySandboxes(srv_bench=_add)
    caps = Caps(streams_per_principal=STREAMS, streams_per_tenant=STREAMS)
    settings = GatewaySettings(public_url="http://127.0.0.1", caps=caps)
    others = (
        msgspec.structs.replace(document, endpoint_id=f"ep_bench_{number}", endpoint=f"add-{number}")
        for number in range(1, ENDPOINTS)
    )
    remotes = Remotes(MemorySecrets(), networks=("127.0.0.0/8",))
    catalogue = MemoryCatalogue(document, *others)
    return Gateway(catalogue, credentials, sandboxes, settings, outlet=_throw_away, remotes=remotes), runner


def _throw_away(lines: bytes) -> None:
    """Records are written, and go nowhere: what a terminal costs is not the gateway's."""
    os.write(_NOWHERE, lines)


_NOWHERE = os.open(os.devnull, os.O_WRONLY)


_served, _runner = _gateway()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await _served(scope, receive, send)
        return
    await receive()
    if _runner is not None:
        await _runner.start()
    await _served.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _served.aclose()
    if _runner is not None:
        await _runner.aclose()
    await send({"type": "lifespan.shutdown.complete"})
