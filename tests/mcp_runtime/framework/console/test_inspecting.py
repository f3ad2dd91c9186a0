"""What `inspect` advises (FASTMCP 1.14): each rule with a server that keeps it and one that does not."""

from __future__ import annotations

import subprocess
import time
import traceback
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.console.inspecting import advice, report
from mcp_runtime.framework.middleware.logging import LoggingMiddleware
from mcp_runtime.framework.middleware.rate_limiting import RateLimitingMiddleware


class Hat(BaseModel):
    size: int


def good() -> FastMCP:
    """A server about which there is nothing to say."""
    mcp = FastMCP("good", mask_error_details=True)

    @mcp.tool
    async def measure(hat: str, ctx: Context) -> Hat:
        """Measure a hat."""
        await ctx.info("measuring")
        return Hat(size=len(hat))

    @mcp.resource("hats://all", tags={"hats"}, annotations={"readOnlyHint": True})
    async def hats() -> list[str]:
        return ["bowler"]

    @mcp.prompt
    async def praise(hat: Annotated[str, Field(description="Which one")]) -> str:
        return f"Praise the {hat}."

    return mcp


async def rules(mcp: FastMCP) -> set[str]:
    return {one.rule for one in await advice(mcp)}


async def test_there_is_nothing_to_say_about_a_good_server() -> None:
    assert await advice(good()) == []


@pytest.mark.fastmcp("G-01", "G-02", "G-06")
async def test_missing_hints_docstrings_and_return_types_are_told() -> None:
    mcp = good()

    @mcp.tool
    def bare(x):  # type: ignore[no-untyped-def]
        return x

    assert await rules(mcp) == {"G-01", "G-02", "G-06"}


@pytest.mark.fastmcp("G-07", "G-03")
async def test_a_call_that_blocks_is_told_with_what_to_use_instead() -> None:
    mcp = good()

    @mcp.tool
    async def slow() -> str:
        """Sleep."""
        time.sleep(0)  # noqa: ASYNC251
        return "slept"

    [one] = await advice(mcp)

    assert (one.rule, one.component) == ("G-07", "tool slow")
    assert "asyncio.sleep" in one.message


@pytest.mark.fastmcp("G-09", "G-15")
async def test_resources_and_prompts_that_block_are_told() -> None:
    mcp = good()

    @mcp.resource("hats://slow", tags={"hats"}, annotations={"readOnlyHint": True})
    async def slow() -> str:
        return subprocess.run(["true"], check=True).args[0]  # noqa: ASYNC221

    @mcp.prompt
    async def ask() -> str:
        time.sleep(0)  # noqa: ASYNC251
        return "?"

    assert await rules(mcp) == {"G-09", "G-15"}


@pytest.mark.fastmcp("G-08", "G-10", "G-11")
async def test_resources_without_tags_annotations_and_a_common_scheme_are_told() -> None:
    mcp = good()
    for scheme in ("a", "b", "c"):
        mcp.resource(f"{scheme}://x", name=scheme)(lambda: "x")

    assert await rules(mcp) == {"G-08", "G-10", "G-11"}


@pytest.mark.fastmcp("G-12")
async def test_a_secret_that_everybody_can_read_is_told() -> None:
    mcp = good()
    mcp.resource("hats://token", name="api_key", tags={"x"}, annotations={"readOnlyHint": True})(lambda: "x")

    assert await rules(mcp) == {"G-12"}


@pytest.mark.fastmcp("G-13", "G-14")
async def test_prompts_with_undescribed_or_complex_arguments_are_told() -> None:
    mcp = good()

    @mcp.prompt
    def plan(hats: dict[str, list[int]], place: str) -> str:
        return "?"

    assert await rules(mcp) == {"G-13", "G-14"}


@pytest.mark.fastmcp("G-20")
async def test_a_secret_in_the_code_is_told(tmp_path: Any) -> None:
    from mcp_runtime.framework.console import loading

    (tmp_path / "keeper.py").write_text(
        "from mcp_runtime.framework import FastMCP\n"
        "API_KEY = 'sk_live_0123456789abcdef'\n"
        "mcp = FastMCP('keeper', mask_error_details=True)\n"
        "@mcp.tool\ndef ask() -> str:\n    'Ask.'\n    return 'x'\n"
    )

    loaded = loading.load(str(tmp_path / "keeper.py"))

    [one] = await advice(loaded.server)
    assert one.rule == "G-20"
    assert "API_KEY in line 2" in one.message
    assert "sk_live" not in one.message


@pytest.mark.fastmcp("G-24", "G-22")
async def test_middleware_without_a_rate_limit_is_told() -> None:
    mcp = good()
    mcp.add_middleware(LoggingMiddleware())

    assert await rules(mcp) == {"G-24"}
    mcp.add_middleware(RateLimitingMiddleware())
    assert await rules(mcp) == set()


@pytest.mark.fastmcp("G-41", "G-42")
async def test_errors_that_show_the_inside_are_told() -> None:
    mcp = FastMCP("open")

    @mcp.tool
    def fail() -> str:
        """Fail."""
        return traceback.format_exc()

    assert await rules(mcp) == {"G-41", "G-42"}


@pytest.mark.fastmcp("L-03")
async def test_the_report_has_every_component() -> None:
    found = await report(good())

    assert found["server"]["name"] == "good"
    assert [len(found[kind]) for kind in ("tools", "resources", "resourceTemplates", "prompts")] == [1, 1, 0, 1]
    assert found["advice"] == []
