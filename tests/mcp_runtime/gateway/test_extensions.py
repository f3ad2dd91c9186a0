"""Extensions: what passes through untouched, and what is refused where it is not declared (PROTOCOL 4)."""

from __future__ import annotations

import msgspec
import pytest

from mcp_runtime.ports.memory import MemoryCatalogue
from mcp_runtime.ports.plans import Component
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import META, World, plan, tool

TASKS: dict[str, object] = {f"{META}clientCapabilities": {"extensions": {f"{META}tasks": {}}}}
HTML = "text/html;profile=mcp-app"
UI: dict[str, object] = {"ui": {"resourceUri": "ui://weather/map", "visibility": ["model", "app"]}}
PAGE_META: dict[str, object] = {"ui": {"csp": {"connectDomains": ["https://tiles.example"]}, "prefersBorder": True}}


@pytest.fixture
def world() -> World:
    """acme's endpoint with a tool that has a page."""
    world = the_world.build()
    document = plan("weather", "ep_weather")
    page = Component({"uri": "ui://weather/map", "name": "map", "mimeType": HTML}, 0, "ui://weather/map")
    shown = msgspec.structs.replace(
        document,
        tools=(tool("raw", _meta=UI), *(known for known in document.tools if known.definition["name"] != "raw")),
        resources=(*document.resources, page),
    )
    world.catalogue = MemoryCatalogue(shown)
    return world


@pytest.mark.protocol("TK-04")
@pytest.mark.parametrize("capabilities", [TASKS, {}], ids=["asked for", "not asked for"])
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel", "tasks/result", "tasks/list"])
async def test_without_the_extension_there_are_no_tasks(
    door: Door, method: str, capabilities: dict[str, object]
) -> None:
    answer = await door.modern(method, {"taskId": "task_1"}, meta=capabilities, mcp_name="task_1")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == -32601


@pytest.mark.protocol("TK-01", "TK-04")
async def test_whoever_could_take_a_task_gets_the_result(door: Door) -> None:
    params: dict[str, object] = {"name": "add", "arguments": {"a": 1, "b": 2}, "task": {"ttl": 1}}

    result = (await door.modern("tools/call", params, meta=TASKS)).json()["result"]

    assert result["resultType"] == "complete"
    assert result["structuredContent"] == {"result": 3}
    assert "taskId" not in result


@pytest.mark.protocol("UI-01")
async def test_a_page_is_listed_and_read_as_the_server_gave_it(door: Door) -> None:
    listed = (await door.modern("resources/list")).json()["result"]["resources"]
    read = (await door.modern("resources/read", {"uri": "ui://weather/map"})).json()["result"]["contents"]

    assert {"uri": "ui://weather/map", "name": "map", "mimeType": HTML} in listed
    assert read[0]["uri"] == "ui://weather/map"


@pytest.mark.protocol("UI-02", "T-06")
@pytest.mark.parametrize("capabilities", [{}, {"extensions": {f"{META}ui": {"mimeTypes": [HTML]}}}])
async def test_a_tools_page_is_named_to_every_client(door: Door, capabilities: dict[str, object]) -> None:
    meta: dict[str, object] = {f"{META}clientCapabilities": capabilities}

    tools = (await door.modern("tools/list", meta=meta)).json()["result"]["tools"]

    assert next(each for each in tools if each["name"] == "raw")["_meta"] == UI


@pytest.mark.protocol("UI-01", "UI-03")
async def test_a_tool_with_a_page_answers_in_text_as_well(door: Door) -> None:
    content = [
        {"type": "text", "text": "22 degrees in Lima"},
        {"type": "resource", "resource": {"uri": "ui://weather/map", "mimeType": HTML, "text": "<!doctype html>",
                                          "_meta": PAGE_META}},
    ]  # fmt: skip
    door.world.server.raw = msgspec.json.encode({"content": content})

    answer = await door.modern("tools/call", {"name": "raw", "arguments": {}})

    assert answer.json()["result"]["content"] == content


@pytest.mark.protocol("UI-05")
@pytest.mark.parametrize("method", ["ui/initialize", "ui/open-link", "ui/message"])
async def test_what_a_page_says_to_its_host_is_no_method_of_a_server(door: Door, method: str) -> None:
    modern, legacy = await door.modern(method), await door.legacy(method)

    assert (modern.status_code, modern.json()["error"]["code"]) == (404, -32601)
    assert (legacy.status_code, legacy.json()["error"]["code"]) == (200, -32601)


@pytest.mark.protocol("H-09")
async def test_headers_for_other_intermediaries_do_no_harm(door: Door) -> None:
    params: dict[str, object] = {"name": "add", "arguments": {"a": 1, "b": 2}}

    answer = await door.modern("tools/call", params, mcp_param_unknown="x", mcp_other="y")

    assert answer.status_code == 200


@pytest.mark.protocol("V-08", "V-09")
async def test_one_endpoint_is_for_clients_of_both_eras(door: Door) -> None:
    params: dict[str, object] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    }

    old, new = await door.legacy("initialize", params), await door.modern("server/discover")

    assert old.json()["result"]["protocolVersion"] in new.json()["result"]["supportedVersions"]
