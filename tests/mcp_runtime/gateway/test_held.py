"""Components whose definitions nobody approved, at the front door."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from mcp_runtime.ports.plans import Component, PlanDocument
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import plan, tool


def holding(reason: Literal["new", "changed", "refused"] = "changed") -> PlanDocument:
    """acme's endpoint, all of whose components changed, and a tool `later` that nobody sees."""
    document = plan("weather", "ep_weather")
    kinds = ("tools", "resources", "resource_templates", "prompts")
    changed: dict[str, tuple[Component, ...]] = {
        kind: tuple(msgspec.structs.replace(one, held=reason) for one in getattr(document, kind)) for kind in kinds
    }
    unseen = msgspec.structs.replace(tool("later"), held="new")
    return msgspec.structs.replace(document, **changed, held=(unseen,))


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "add", "arguments": {"a": "not a number"}}, "add"),
        ("resources/read", {"uri": "weather://now"}, "weather://now"),
        ("resources/read", {"uri": "city://lima"}, "city://{name}"),
        ("prompts/get", {"name": "greet", "arguments": {"who": "Ada"}}, "greet"),
    ],
)
async def test_what_changed_is_refused_with_the_reason_and_its_server_is_not_asked(
    door: Door, method: str, params: dict[str, Any], name: str
) -> None:
    door.world.catalogue.publish(holding())

    error = (await door.modern(method, params)).json()["error"]

    assert (error["code"], error["data"]["code"], error["data"]["reason"]) == (-32600, "definition_held", "changed")
    assert repr(name) in error["message"]
    assert not door.world.server.calls


async def test_what_is_new_is_not_listed_and_says_why_it_cannot_be_called(door: Door) -> None:
    door.world.catalogue.publish(holding())

    listed = (await door.modern("tools/list")).json()["result"]["tools"]
    error = (await door.modern("tools/call", {"name": "later", "arguments": {}})).json()["error"]

    assert "add" in {one["name"] for one in listed}
    assert "later" not in {one["name"] for one in listed}
    assert error["data"]["reason"] == "new"


async def test_a_tool_that_nobody_holds_is_unknown_as_ever(door: Door) -> None:
    door.world.catalogue.publish(holding())

    error = (await door.modern("tools/call", {"name": "nothing", "arguments": {}})).json()["error"]

    assert error["code"] == -32602
