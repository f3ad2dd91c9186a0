"""The world these tests play in: acme with two endpoints, globex next door, and a server that does what it is told.

Ada's key opens all of acme, Ben's only the endpoint `weather`, Cem's only globex, and Dora's may do nothing.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field

import msgspec

from mcp_runtime.ports.memory import MemoryCatalogue, MemoryCredentials, MemorySandboxes
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.sandboxes import (
    CallTimedOut,
    CrashLooping,
    EventSink,
    Overloaded,
    SandboxError,
    UpstreamError,
    WorkerDied,
)
from mcp_runtime.ports.workers import Caller, Worker
from tenants.principal import Principal

ADA, BEN, CEM, DORA = "stoa_ada", "stoa_ben", "stoa_cem", "stoa_dora"
"""Tokens. The directory of keys is a dictionary here, so they need no checksum."""
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"

PICTURE = base64.b64encode(b"picture").decode()
NUMBERS: dict[str, object] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
OPEN: dict[str, object] = {"type": "object"}

FAILURES: dict[str, Exception] = {
    "died": WorkerDied("worker 7 on host rack4 got signal 9", reason="oom"),
    "looping": CrashLooping("worker 7 crashed 5 times", retry_after=12.3),
    "timeout": CallTimedOut("deadline 30.0 s"),
    "overloaded": Overloaded("queue full at slot 7"),
    "odd": SandboxError("/run/stoa/socket: broken"),
    "upstream": UpstreamError(-32000, "The upstream says no.", {"why": "because"}),
    "own_code": UpstreamError(1234, "A code of my own."),
    "missing": UpstreamError(-32002, "Nothing there.", {"uri": "x://y"}),
    "bug": ValueError("a secret of the platform: hunter2"),
}


@dataclass
class Server:
    """The code behind acme's endpoints, and what it saw."""

    running: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[tuple[str, dict[str, object], Caller]] = field(default_factory=list)
    raw: bytes = b"{}"
    """What `raw` answers, byte for byte."""

    async def __call__(self, method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
        given: dict[str, object] = msgspec.json.decode(params)
        self.calls.append((method, given, caller))
        if method == "resources/read":
            return {"contents": [{"uri": given["uri"], "mimeType": "text/plain", "text": f"read {given['uri']}"}]}
        if method == "prompts/get":
            text = {"type": "text", "text": f"Greet {given['arguments']}"}
            return {"description": "A greeting", "messages": [{"role": "user", "content": text}]}
        return await self._tool(str(given["name"]), given["arguments"], on_event)

    async def _tool(self, name: str, arguments: object, on_event: EventSink) -> object:
        assert isinstance(arguments, dict)
        match name:
            case "add":
                total = arguments["a"] + arguments["b"]
                return {"content": [_text(str(total))], "structuredContent": {"result": total}, "isError": False}
            case "refuse":
                return {"content": [_text("No.")], "isError": True}
            case "fail":
                raise FAILURES[str(arguments["how"])]
            case "raw":
                return msgspec.Raw(self.raw)
            case "tell":
                on_event("notifications/message", _raw({"level": "debug", "data": "fine print"}))
                on_event("notifications/message", _raw({"level": "warning", "logger": "t", "data": {"n": 1}}))
                on_event("notifications/progress", _raw({"progress": 1, "total": 2, "message": "half"}))
                on_event("notifications/progress", _raw({"progress": 1}))
                on_event("notifications/progress", msgspec.Raw(b"not json"))
                on_event("notifications/message", _raw({"level": "loud", "data": 1}))
                on_event("notifications/progress", _raw({"progress": 2, "total": 2}))
                if arguments.get("then") == "fail":
                    raise FAILURES["died"]
                return {"content": [_text("told")]}
            case "wait":
                if arguments.get("tell"):
                    on_event("notifications/progress", _raw({"progress": 1}))
                self.running.set()
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
                return {"content": [_text("released")]}
        raise AssertionError(name)


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def worker(server_id: str) -> Worker:
    return Worker("ten_acme", server_id, "rev_1", code="c0de", entrypoint="server.py")


def tool(name: str, schema: dict[str, object] = OPEN, *, member: int = 0, **more: object) -> Component:
    definition: dict[str, object] = {"name": name, "description": f"{name}s", "inputSchema": schema, **more}
    return Component(definition, member, name)


def plan(endpoint: str, endpoint_id: str, *, tenant: str = "acme", version: int = 1, tools: int = 0) -> PlanDocument:
    """acme's endpoint in full; `tools` adds so many more."""
    routed: dict[str, object] = {
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "how": {"type": "string"}},
    }
    return PlanDocument(
        tenant_id=f"ten_{tenant}",
        tenant=tenant,
        endpoint_id=endpoint_id,
        endpoint=endpoint,
        version=version,
        server_name=f"{endpoint} server",
        server_version="1.2.3",
        instructions="Ask nicely.",
        members=(Member("srv_lax", "python", worker("srv")), Member("srv_strict", "python", worker("srv"), True)),
        tools=(
            tool("add", NUMBERS, member=1, title="Add", icons=[{"src": "https://example.com/a.png"}],
                 outputSchema={"type": "object", "properties": {"result": {"type": "integer"}}},
                 annotations={"readOnlyHint": True}, _meta={"stoa/tag": "x"}),
            *(tool(name) for name in ("refuse", "fail", "raw", "tell", "wait")),
            tool("routed", routed),
            tool("foreign", {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/x.json"}}}, member=1),
            *(tool(f"more_{number}") for number in range(tools)),
        ),
        resources=(Component({"uri": "weather://now", "name": "now", "title": "Now"}, 0, "weather://now"),),
        resource_templates=(
            Component({"uriTemplate": "city://{name}", "name": "city"}, 0, "city://{name}"),
            Component({"uriTemplate": "pre://{path*}", "name": "files"}, 0, "file:///{path*}"),
        ),
        prompts=(
            Component({"name": "greet", "arguments": [{"name": "who", "required": True}, {"name": "how"}]}, 0, "greet"),
        ),
    )  # fmt: skip


def principal(tenant: str, name: str, *, audience: str = "*", scopes: frozenset[str] | None = None) -> Principal:
    return Principal(
        tenant=f"ten_{tenant}",
        issuer="stoa:keys",
        subject=f"key_{name}",
        kind="api_key",
        client_id=f"key_{name}",
        scopes=frozenset({"mcp:call"}) if scopes is None else scopes,
        roles=frozenset(),
        audience=audience,
    )


@dataclass
class World:
    catalogue: MemoryCatalogue
    credentials: MemoryCredentials
    sandboxes: MemorySandboxes
    server: Server


def build() -> World:
    server = Server()
    credentials = MemoryCredentials()
    credentials.grant(ADA, principal("acme", "ada"), tenant="acme")
    credentials.grant(BEN, principal("acme", "ben", audience="ep_weather"), tenant="acme")
    credentials.grant(CEM, principal("globex", "cem"), tenant="globex")
    credentials.grant(DORA, principal("acme", "dora", scopes=frozenset({"servers:read"})), tenant="acme")
    catalogue = MemoryCatalogue(
        plan("weather", "ep_weather"), plan("other", "ep_other"), plan("weather", "ep_globex", tenant="globex")
    )
    return World(catalogue, credentials, MemorySandboxes(srv=server), server)
