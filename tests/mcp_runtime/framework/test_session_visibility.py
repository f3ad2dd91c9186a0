"""What one session sees and others do not (FASTMCP T-33, C-15; the later words for it)."""

from __future__ import annotations

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.serving import describe
from mcp_runtime.framework.visibility import in_force
from mcp_runtime.protocol.errors import McpError

pytestmark = pytest.mark.fastmcp("T-33", "C-15", status="later")


def shop() -> FastMCP:
    mcp = FastMCP("shop")
    mcp.tool(lambda: "cheap", name="basic", tags={"free"})
    mcp.tool(lambda: "dear", name="luxury", tags={"premium"})
    mcp.disable(tags={"premium"})

    @mcp.tool
    async def unlock(ctx: Context) -> list[str]:
        await ctx.enable_components(tags={"premium"})
        return [tool.name for tool in await ctx.list_tools()]

    @mcp.tool
    async def hide(name: str, ctx: Context) -> None:
        await ctx.disable_components(names={name})

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.reset_visibility()

    return mcp


async def names(client: Client) -> set[str]:
    return {tool.name for tool in await client.list_tools()}


async def test_a_session_sees_and_uses_what_was_switched_on_for_it_alone() -> None:
    mcp = shop()
    async with Client(mcp) as ada, Client(mcp) as ben:
        assert "luxury" in (await ada.call_tool("unlock")).data

        assert "luxury" in await names(ada)
        assert (await ada.call_tool("luxury")).content[0].text == "dear"
        assert "luxury" not in await names(ben)
        with pytest.raises(McpError, match="luxury"):
            await ben.call_tool("luxury")


async def test_the_last_rule_counts_and_all_are_forgotten_together() -> None:
    async with Client(shop()) as ada:
        await ada.call_tool("unlock")
        await ada.call_tool("hide", {"name": "luxury"})
        assert "luxury" not in await names(ada)

        await ada.call_tool("hide", {"name": "basic"})
        await ada.call_tool("forget")

        assert await names(ada) == {"basic", "unlock", "hide", "forget"}


async def test_components_of_mounted_servers_are_switched_by_session_too() -> None:
    main = FastMCP("main")
    main.mount(shop(), prefix="shop")
    async with Client(main) as ada, Client(main) as ben:
        await ada.call_tool("shop_unlock")

        assert "shop_luxury" in await names(ada)
        assert (await ada.call_tool("shop_luxury")).content[0].text == "dear"
        assert "shop_luxury" not in await names(ben)


async def test_a_session_is_told_that_its_lists_changed() -> None:
    told: list[str] = []

    async def listen(message: object) -> None:
        told.append(str(getattr(message, "method", message)))

    async with Client(shop(), message_handler=listen) as ada:
        await ada.call_tool("unlock")

    assert any("tools/list_changed" in one for one in told)


async def test_a_rule_without_conditions_is_refused() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def everything(ctx: Context) -> None:
        await ctx.disable_components()

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="match_all=True"):
            await client.call_tool("everything")


async def test_a_single_text_in_place_of_a_set_is_refused() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def wrong(ctx: Context) -> None:
        await ctx.disable_components(names="wrong")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="not the single text"):
            await client.call_tool("wrong")


async def test_a_host_is_told_of_all_that_a_session_might_see() -> None:
    manifest = await describe(shop())

    assert "luxury" in {str(tool["name"]) for tool in manifest.tools}
    assert "tools" in manifest.varying


async def test_a_server_without_such_code_has_lists_that_everybody_sees() -> None:
    plain = FastMCP()
    plain.tool(lambda: 1, name="one")

    assert (await describe(plain)).varying == []
    assert not plain.sessions_switch


async def test_code_that_does_not_show_what_it_does_switches_from_the_next_request_on() -> None:
    mcp = FastMCP("hides", tools=[])
    mcp.tool(lambda: "dear", name="luxury")

    @mcp.tool
    async def hide(ctx: Context) -> None:
        await getattr(ctx, "disable_" + "components")(names={"luxury"})

    async with Client(mcp) as ada, Client(mcp) as ben:
        await ada.call_tool("hide")

        assert await names(ada) == {"hide"}
        assert await names(ben) == {"hide", "luxury"}
    assert in_force.get() == ()
