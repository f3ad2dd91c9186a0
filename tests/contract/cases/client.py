"""Blocks 33 to 37, 40 and 62: the client."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from tests.contract.cases import case
from tests.contract.document import Stage


@case(34, "CL-05", "CL-06", "CL-07", "CL-08", "CL-09", "CL-10", "CL-11", "CL-12", "CL-13")
async def a_client_lives_inside_its_block(stage: Stage) -> None:
    mcp = FastMCP("surroundings")

    @mcp.tool
    def multiply(a: int, b: int) -> int:
        return a * b

    @mcp.prompt
    def analyze_data(data: list[int]) -> str:
        return f"The sum is {sum(data)}."

    mcp.resource("file:///config/settings.json", name="settings")(lambda: "{}")
    client = Client(mcp)

    names = await stage.run(client=client)

    assert [tool.name for tool in names["tools"]] == ["multiply"]
    assert names["result"].data == 15
    assert [str(resource.uri) for resource in names["resources"]] == ["file:///config/settings.json"]
    assert names["content"][0].text == "{}"
    assert [prompt.name for prompt in names["prompts"]] == ["analyze_data"]
    assert names["messages"].messages[0].content.text == "The sum is 6."
    assert not client.is_connected()


@case(62, "CL-01", "CL-08", "G-32", "G-35", status="document")
async def a_test_compares_the_result_itself(stage: Stage) -> None:
    """The library's result is not equal to a number; the document's own test needs it to be (FASTMCP 0.3)."""
    names = await stage.run()

    await names["test_tool"]()

    marks: Any = names["test_tool"].pytestmark
    assert [mark.name for mark in marks] == ["asyncio"]
    broken = stage.text.replace("== 8", "== 9")
    stage.text = broken
    with pytest.raises(AssertionError):
        await (await stage.run())["test_tool"]()
