"""Lists of which each caller sees another part, because components or middleware say so (FASTMCP 0.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mcp_runtime.framework.components.access import AuthContext
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.server import FastMCP
from mcp_runtime.framework.serving import describe, serve
from mcp_runtime.ports.memory import MemoryCatalogue, MemorySandboxes
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.sandboxes import EventSink, UpstreamError
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.test_framework import _Exchange

pytestmark = pytest.mark.fastmcp("T-06", "M-08", status="later")


def only_ada(context: AuthContext) -> bool:
    return context.token is not None and context.token.claims["sub"].endswith("ada")


class OnlyForAda(Middleware):
    async def on_list_prompts(self, context: Any, call_next: Any) -> Any:
        found = await call_next(context)
        return [prompt for prompt in found if context.fastmcp_context.exchange.caller.subject.endswith("ada")]


guarded = FastMCP("guarded", middleware=[OnlyForAda()])
guarded.tool(lambda: "secret", name="vault", auth=only_ada)
guarded.tool(lambda: "open", name="door")
guarded.resource("data://{x}", name="t", auth=only_ada)(lambda x: x)
guarded.prompt(lambda: "hi", name="greet")
plain = FastMCP("plain")
plain.tool(lambda: "two", name="hall")


def _worker(server: FastMCP) -> Any:
    async def answer(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
        try:
            return await serve(server, method, msgspec.json.decode(params), _Exchange(caller, on_event))
        except McpError as error:
            raise UpstreamError(error.code, error.message, error.data) from None

    return answer


async def _broken(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
    raise UpstreamError(-32603, "away", None)


async def plan(prefix: str = "") -> PlanDocument:
    """Both servers behind one endpoint; what is guarded may have another name outside."""
    manifests = [await describe(guarded), await describe(plain)]

    def components(kind: str, key: str) -> tuple[Component, ...]:
        return tuple(
            Component({**one, key: f"{prefix if member == 0 else ''}{one[key]}"}, member, str(one[key]))
            for member, manifest in enumerate(manifests)
            for one in getattr(manifest, kind)
        )

    return PlanDocument(
        tenant_id="ten_acme",
        tenant="acme",
        endpoint_id="ep_weather",
        endpoint="weather",
        version=1,
        server_name="both",
        server_version="1",
        instructions=None,
        members=tuple(
            Member(f"srv_{name}", "python", the_world.worker(name), varying=tuple(manifest.varying))
            for name, manifest in zip(("guarded", "plain"), manifests, strict=True)
        ),
        tools=components("tools", "name"),
        resource_templates=components("resource_templates", "uriTemplate"),
        prompts=components("prompts", "name"),
    )


@pytest.fixture(params=["", "own_"], ids=["same names", "renamed"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    world = the_world.build()
    world.catalogue = MemoryCatalogue(await plan(request.param))
    world.sandboxes = MemorySandboxes(guarded=_worker(guarded), plain=_worker(plain))
    async with opened(world) as door:
        yield door


def names(answer: Any, key: str) -> list[str]:
    field = "uriTemplate" if key == "resourceTemplates" else "name"
    return [item[field].removeprefix("own_") for item in answer.json()["result"][key]]


async def test_each_caller_sees_what_is_theirs(door: Door) -> None:
    for token, tools, templates, prompts in (
        (the_world.ADA, ["vault", "door", "hall"], ["data://{x}"], ["greet"]),
        (the_world.BEN, ["door", "hall"], [], []),
    ):
        assert names(await door.modern("tools/list", token=token), "tools") == tools
        assert names(await door.modern("resources/templates/list", token=token), "resourceTemplates") == templates
        assert names(await door.modern("prompts/list", token=token), "prompts") == prompts
        assert names(await door.legacy("tools/list", token=token), "tools") == tools


async def test_a_cursor_was_never_given(door: Door) -> None:
    answer = await door.modern("tools/list", {"cursor": "x"})

    assert answer.json()["error"]["code"] == -32602


async def test_a_member_that_does_not_answer_shows_nothing() -> None:
    world = the_world.build()
    world.catalogue = MemoryCatalogue(await plan())
    world.sandboxes = MemorySandboxes(guarded=_broken, plain=_worker(plain))

    async with opened(world) as door:
        assert names(await door.modern("tools/list"), "tools") == ["hall"]


@pytest.mark.parametrize(("token", "found"), [(the_world.ADA, ["vault", "door"]), (the_world.BEN, ["door"])])
async def test_a_search_finds_what_its_caller_would_see(token: str, found: list[str]) -> None:
    world = the_world.build()
    world.catalogue = MemoryCatalogue(msgspec.structs.replace(await plan(), present="search"))
    world.sandboxes = MemorySandboxes(guarded=_worker(guarded), plain=_worker(plain))
    arguments = {"query": "vault door"}

    async with opened(world) as door:
        answer = await door.modern("tools/call", {"name": "search_tools", "arguments": arguments}, token=token)
        listed = await door.modern("tools/list", token=token)

    assert [one["name"] for one in answer.json()["result"]["structuredContent"]["tools"]] == found
    assert names(listed, "tools") == ["search_tools", "call_tool"]
