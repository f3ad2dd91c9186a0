"""Servers written with our framework, behind the gateway: what the one writes, the other must be able to read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mcp_runtime.framework.context import Context
from mcp_runtime.framework.dependencies import get_http_headers, get_http_request
from mcp_runtime.framework.media import Audio, Image
from mcp_runtime.framework.server import FastMCP
from mcp_runtime.framework.serving import describe, serve
from mcp_runtime.ports.memory import MemoryCatalogue, MemorySandboxes
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.sandboxes import EventSink, UpstreamError
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened

mcp = FastMCP("shop", instructions="Buy something.")


@mcp.tool
def total(prices: list[float], tax: float = 0.1) -> float:
    """What it costs."""
    return sum(prices) * (1 + tax)


@mcp.tool
def picture() -> Image:
    return Image(data=b"\x89PNG", format="png")


@mcp.tool
def sound() -> Audio:
    return Audio(data=b"RIFF", format="wav")


@mcp.tool
def broken() -> str:
    raise ValueError("sold out")


@mcp.tool
async def talk(ctx: Context) -> dict[str, Any]:
    await ctx.info("counting")
    await ctx.report_progress(1, 2)
    return {"größe": "groß", "lines": "a\nb"}


@mcp.tool
def headers() -> dict[str, str]:
    return get_http_headers(include_all=True) | {"team": get_http_request().headers["X-Team"]}


@mcp.resource("shop://logo", mime_type="image/png")
def logo() -> bytes:
    return b"\x89PNG"


@mcp.resource("shop://item/{name}")
def item(name: str) -> dict[str, str]:
    return {"name": name}


@mcp.prompt
def offer(name: str) -> str:
    return f"Offer {name}."


class _Exchange:
    """The worker's side of one call."""

    def __init__(self, caller: Caller, on_event: EventSink) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self._on_event = on_event

    def log(self, level: str, logger: str | None, data: object) -> None:
        self._tell("notifications/message", {"level": level, "logger": logger, "data": data})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self._tell("notifications/progress", {"progress": progress, "total": total, "message": message})

    def _tell(self, method: str, params: object) -> None:
        self._on_event(method, msgspec.Raw(msgspec.json.encode(params)))


async def _shop(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
    try:
        return await serve(mcp, method, msgspec.json.decode(params), _Exchange(caller, on_event))
    except McpError as error:
        raise UpstreamError(error.code, error.message, error.data) from None


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    manifest = await describe(mcp)

    def components(definitions: list[dict[str, object]], key: str) -> tuple[Component, ...]:
        return tuple(Component(one, 0, str(one[key])) for one in definitions)

    document = PlanDocument(
        tenant_id="ten_acme",
        tenant="acme",
        endpoint_id="ep_weather",
        endpoint="weather",
        version=1,
        server_name=manifest.name,
        server_version=manifest.version,
        instructions=manifest.instructions,
        members=(Member("srv_shop", "python", the_world.worker("shop"), manifest.strict_input),),
        tools=components(manifest.tools, "name"),
        resources=components(manifest.resources, "uri"),
        resource_templates=components(manifest.resource_templates, "uriTemplate"),
        prompts=components(manifest.prompts, "name"),
    )
    world = the_world.build()
    world.catalogue = MemoryCatalogue(document)
    world.sandboxes = MemorySandboxes(shop=_shop)
    async with opened(world) as door:
        yield door


async def test_what_the_framework_describes_is_listed(door: Door) -> None:
    tools = (await door.modern("tools/list")).json()["result"]["tools"]
    templates = (await door.modern("resources/templates/list")).json()["result"]["resourceTemplates"]

    assert [tool["name"] for tool in tools] == ["total", "picture", "sound", "broken", "talk", "headers"]
    assert tools[0]["description"] == "What it costs."
    assert tools[0]["inputSchema"]["required"] == ["prices"]
    assert templates[0]["uriTemplate"] == "shop://item/{name}"


@pytest.mark.parametrize(
    ("name", "arguments", "first"),
    [
        ("total", {"prices": [1, 2], "tax": 0}, {"type": "text", "text": "3.0"}),
        ("picture", {}, {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}),
        ("sound", {}, {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}),
    ],
)
async def test_a_tools_content_passes(door: Door, name: str, arguments: object, first: dict[str, object]) -> None:
    answer = await door.modern("tools/call", {"name": name, "arguments": arguments})

    result = answer.json()["result"]
    assert result["content"] == [first]
    assert not result.get("isError", False)


async def test_a_tool_that_raises_is_an_error_result(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "broken"})

    result = answer.json()["result"]
    assert result["isError"] is True
    assert "sold out" in result["content"][0]["text"]


@pytest.mark.fastmcp("C-20", "C-21", status="safer")
async def test_a_tool_sees_the_requests_headers_and_no_credential(door: Door) -> None:
    sent: dict[str, Any] = {"X_Team": "blue", "Cookie": "a=b", "X_API_Key": "secret", "X_Forwarded_For": "10.0.0.7"}

    modern = await door.modern("tools/call", {"name": "headers"}, **sent)
    legacy = await door.legacy("tools/call", {"name": "headers"}, **sent)

    for answer in (modern, legacy):
        seen = msgspec.json.decode(answer.json()["result"]["content"][0]["text"])
        assert seen["x-team"] == seen["team"] == "blue"
        assert not seen.keys() & {"authorization", "cookie", "x-api-key", "x-forwarded-for", "host", "content-length"}


async def test_what_a_tool_says_meanwhile_comes_first(door: Door) -> None:
    answer = await door.legacy("tools/call", {"name": "talk", "_meta": {"progressToken": 1}})

    events = [msgspec.json.decode(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [one.get("method") for one in events] == ["notifications/message", "notifications/progress", None]
    assert events[2]["result"]["structuredContent"] == {"größe": "groß", "lines": "a\nb"}


async def test_resources_pass_as_text_and_as_bytes(door: Door) -> None:
    logo = (await door.modern("resources/read", {"uri": "shop://logo"})).json()["result"]
    item = (await door.modern("resources/read", {"uri": "shop://item/hat"})).json()["result"]

    assert logo["contents"] == [{"uri": "shop://logo", "mimeType": "image/png", "blob": "iVBORw=="}]
    assert msgspec.json.decode(item["contents"][0]["text"]) == {"name": "hat"}


async def test_a_prompt_passes(door: Door) -> None:
    answer = await door.modern("prompts/get", {"name": "offer", "arguments": {"name": "hat"}})

    assert answer.json()["result"]["messages"] == [{"role": "user", "content": {"type": "text", "text": "Offer hat."}}]
