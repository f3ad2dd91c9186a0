"""Lists in pages (PROTOCOL PG-01), and what completion says (C-01)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.world import BEN, World, plan

BAD_CURSORS: list[object] = ["", "x", "é", 7, "A" * 100]


async def pages(door: Door) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, object] = {}
    while True:
        result = (await door.modern("tools/list", params)).json()["result"]
        found.append(result)
        if "nextCursor" not in result:
            return found
        params = {"cursor": result["nextCursor"]}


@pytest.mark.protocol("PG-01", "R-04", "R-06")
async def test_the_pages_of_a_list_are_the_whole_list(world: World) -> None:
    async with opened(world) as whole, opened(world, page_items=3) as door:
        every = (await whole.modern("tools/list")).json()["result"]["tools"]

        found = await pages(door)

    assert [tool for page in found for tool in page["tools"]] == every
    assert [len(page["tools"]) for page in found] == [3, 3, 2]
    assert {page["cacheScope"] for page in found} == {"private"}


@pytest.mark.protocol("PG-01")
@pytest.mark.parametrize("cursor", BAD_CURSORS)
async def test_a_cursor_that_is_not_ours_is_refused(door: Door, cursor: object) -> None:
    answer = await door.modern("tools/list", {"cursor": cursor})

    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("PG-01", "A-13")
async def test_a_cursor_is_good_for_its_caller_list_and_version_only(world: World) -> None:
    async with opened(world, page_items=3) as door:
        cursor = (await door.modern("tools/list")).json()["result"]["nextCursor"]
        refused = [
            await door.modern("tools/list", {"cursor": cursor}, token=BEN),
            await door.modern("prompts/list", {"cursor": cursor}),
            await door.modern("tools/list", {"cursor": cursor}, path="/t/acme/other/mcp"),
        ]
        assert (await door.legacy("tools/list", {"cursor": cursor})).status_code == 200
        world.catalogue.publish(plan("weather", "ep_weather", version=2, tools=1))
        assert (await door.modern("tools/list")).json()["result"]["nextCursor"] != cursor

    assert [answer.json()["error"]["code"] for answer in refused] == [-32602] * 3


@pytest.mark.protocol("C-01")
@pytest.mark.parametrize(
    "reference",
    [{"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": "city://{name}"}],
)
async def test_completion_of_what_exists_has_a_list_of_values(door: Door, reference: dict[str, object]) -> None:
    params: dict[str, object] = {"ref": reference, "argument": {"name": "who", "value": "A"}}

    modern = await door.modern("completion/complete", params)
    legacy = await door.legacy("completion/complete", params)

    assert modern.json()["result"]["completion"] == {"values": [], "total": 0, "hasMore": False}
    assert legacy.json()["result"] == {"completion": {"values": [], "total": 0, "hasMore": False}}


@pytest.mark.protocol("C-01")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ref": {"type": "ref/prompt", "name": "nope"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": 7}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/resource", "uri": "nowhere://x"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/tool", "name": "add"}, "argument": {"name": "a", "value": ""}},
        {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a"}},
    ],
)
async def test_completion_of_what_does_not_exist_is_refused(door: Door, params: dict[str, object]) -> None:
    answer = await door.modern("completion/complete", params)

    assert answer.json()["error"]["code"] == -32602
