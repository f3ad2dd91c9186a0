"""What a server does beyond its calls, behind the gateway: what its sessions remember and see, the values it names for
arguments, and the beginnings and notifications that its middleware looks at (FASTMCP C-10, M-04, M-12, CL-21).

Every request is answered by a server made for it alone, as after a worker was retired: nothing is left in a process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.serving import describe, serve
from mcp_runtime.framework.types import Completion, PromptReference, ResourceTemplateReference
from mcp_runtime.ports.memory import MemoryCatalogue, MemorySandboxes
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.sandboxes import Asker, EventSink, UpstreamError
from mcp_runtime.ports.state import MAX_STATE_BYTES
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from mcp_runtime.sandbox.guest.kept_state import KeptState
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.support.waiting import wait_until_async

heard: list[str] = []
THEMES = ["nature", "night", "love"]


class Watch(Middleware):
    async def on_initialize(self, context: Any, call_next: Any) -> Any:
        heard.append(context.message.params.client_info.name)
        if context.message.params.client_info.name == "unwanted":
            raise McpError("Not you.", code=-32000)
        return await call_next(context)

    async def on_notification(self, context: Any, call_next: Any) -> Any:
        heard.append(context.method)
        return await call_next(context)


def server() -> FastMCP:
    mcp = FastMCP("remembers", middleware=[Watch()])

    @mcp.tool
    async def count(ctx: Context) -> int:
        number = (await ctx.get_state("number") or 0) + 1
        await ctx.set_state("number", number)
        return number

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.delete_state("number")

    @mcp.tool
    async def keep(size: int, ctx: Context) -> None:
        await ctx.set_state("large", "x" * size)

    @mcp.tool
    async def keep_an_object(ctx: Context) -> None:
        await ctx.set_state("thing", object())

    @mcp.tool
    async def unlock(ctx: Context) -> None:
        await ctx.enable_components(tags={"premium"})

    @mcp.tool(tags={"premium"})
    def luxury() -> str:
        return "dear"

    @mcp.prompt
    def poem(theme: str) -> str:
        return f"A poem about {theme}."

    @mcp.resource("books://{author}/{title}")
    def book(author: str, title: str) -> str:
        return title

    @mcp.completion
    def complete(ref: Any, argument: Any, context: Any) -> Any:
        if isinstance(ref, PromptReference):
            return [theme for theme in THEMES if theme.startswith(argument.value)]
        if isinstance(ref, ResourceTemplateReference) and argument.name == "title":
            author = (context.arguments or {}).get("author", "")
            return Completion(values=[f"{author} {number}" for number in range(150)])
        return None

    mcp.disable(tags={"premium"})
    return mcp


class _Exchange:
    """The worker's side of one call."""

    def __init__(self, caller: Caller, on_event: EventSink, asker: Asker | None) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self.state_store = KeptState(self)  # type: ignore[arg-type]  # it asks, as a call in a worker does
        self._on_event = on_event
        self._asker = asker

    def log(self, level: str, logger: str | None, data: object) -> None: ...

    def progress(self, progress: float, total: float | None, message: str | None) -> None: ...

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._on_event(method, msgspec.Raw(msgspec.json.encode(params)))

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        assert self._asker is not None
        try:
            answer = await self._asker(method, msgspec.Raw(msgspec.json.encode(params)))
        except UpstreamError as error:
            raise McpError(error.message, code=error.code) from None
        found: dict[str, object] = msgspec.json.decode(answer)
        return found


async def _worker(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink, asker: Asker | None) -> object:
    try:
        return await serve(server(), method, msgspec.json.decode(params), _Exchange(caller, on_event, asker))
    except McpError as error:
        raise UpstreamError(error.code, error.message, error.data) from None


async def _plan() -> PlanDocument:
    manifest = await describe(server())

    def components(definitions: list[dict[str, object]], key: str) -> tuple[Component, ...]:
        return tuple(Component(one, 0, str(one[key])) for one in definitions)

    return PlanDocument(
        tenant_id="ten_acme",
        tenant="acme",
        endpoint_id="ep_weather",
        endpoint="weather",
        version=1,
        server_name="remembers",
        server_version="",
        instructions=None,
        members=(Member("srv", "python", the_world.worker("remembers"), varying=tuple(manifest.varying)),),
        tools=components(manifest.tools, "name"),
        resource_templates=components(manifest.resource_templates, "uriTemplate"),
        prompts=components(manifest.prompts, "name"),
    )


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    heard.clear()
    world = the_world.build()
    world.catalogue = MemoryCatalogue(await _plan())
    world.sandboxes = MemorySandboxes()
    world.sandboxes.asking["remembers"] = _worker
    async with opened(world) as door:
        yield door


def client(door: Door, token: str = the_world.ADA, **options: Any) -> Client:
    return Client(door.url, auth=token, **{"mode": "legacy", **options})


@pytest.mark.fastmcp("C-10", status="later")
async def test_a_session_remembers_what_its_worker_cannot(door: Door) -> None:
    async with client(door) as one, client(door) as other:
        assert [(await one.call_tool("count")).data for _ in range(3)] == [1, 2, 3]
        assert (await other.call_tool("count")).data == 1

        await one.call_tool("forget")
        assert (await one.call_tool("count")).data == 1


@pytest.mark.fastmcp("C-10", status="later")
async def test_without_sessions_the_caller_is_remembered(door: Door) -> None:
    async with client(door, mode="auto") as one, client(door, mode="auto") as again:
        assert (await one.call_tool("count")).data == 1
        assert (await again.call_tool("count")).data == 2
    async with client(door, the_world.BEN, mode="auto") as ben:
        assert (await ben.call_tool("count")).data == 1


async def test_a_session_keeps_no_more_than_it_may(door: Door) -> None:
    async with client(door) as one:
        result = await one.call_tool("keep", {"size": MAX_STATE_BYTES}, raise_on_error=False)

    assert result.is_error
    assert str(MAX_STATE_BYTES) in result.content[0].text


async def test_a_value_that_is_no_json_is_refused_with_the_remedy(door: Door) -> None:
    async with client(door) as one:
        result = await one.call_tool("keep_an_object", raise_on_error=False)

    assert result.is_error
    assert "serializable=False" in result.content[0].text


@pytest.mark.fastmcp("T-33", status="later")
async def test_what_a_session_unlocked_is_there_for_it_alone(door: Door) -> None:
    async with client(door) as one, client(door) as other:
        await one.call_tool("unlock")

        assert "luxury" in {tool.name for tool in await one.list_tools()}
        assert (await one.call_tool("luxury")).data == "dear"
        assert "luxury" not in {tool.name for tool in await other.list_tools()}
        with pytest.raises(McpError, match="luxury"):
            await other.call_tool("luxury")


@pytest.mark.fastmcp("CL-21", status="later")
@pytest.mark.protocol("C-01")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_server_names_values_for_arguments(door: Door, mode: str) -> None:
    async with client(door, mode=mode) as one:
        themes = await one.complete(PromptReference(name="poem"), {"name": "theme", "value": "n"})
        titles = await one.complete(
            ResourceTemplateReference(uri="books://{author}/{title}"),
            {"name": "title", "value": ""},
            context_arguments={"author": "Ada"},
        )

    assert themes.values == ["nature", "night"]
    assert (len(titles.values), titles.values[0], titles.has_more) == (100, "Ada 0", True)


async def test_a_server_that_names_values_says_so(door: Door) -> None:
    answer = (await door.modern("server/discover")).json()["result"]

    assert answer["capabilities"]["completions"] == {}


@pytest.mark.protocol("C-01")
async def test_values_for_an_unknown_prompt_are_refused(door: Door) -> None:
    async with client(door) as one:
        with pytest.raises(McpError, match="nobody"):
            await one.complete(PromptReference(name="nobody"), {"name": "theme", "value": "n"})


@pytest.mark.fastmcp("M-12")
async def test_middleware_sees_the_handshake_and_may_refuse_it(door: Door) -> None:
    async with client(door, client_info={"name": "welcome", "version": "1"}):
        assert "welcome" in heard

    with pytest.raises(Exception, match="Not you"):
        async with client(door, client_info={"name": "unwanted", "version": "1"}):
            pass


@pytest.mark.fastmcp("M-04", status="later")
async def test_middleware_hears_notifications(door: Door) -> None:
    async with client(door):
        await wait_until_async(lambda: "notifications/initialized" in heard)
