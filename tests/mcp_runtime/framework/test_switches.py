"""Components switched on and off, removed, in versions, and for some callers only (FASTMCP T-33, T-34, S-05)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components.access import AuthContext, require_roles, require_scopes, restrict_tag
from mcp_runtime.framework.components.tasks import TaskConfig
from mcp_runtime.framework.components.versions import VersionSpec, version_key
from mcp_runtime.framework.errors import NotFoundError
from mcp_runtime.framework.serving import serve
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError, UnknownPrompt, UnknownResource, UnknownTool


class Request:
    """A request by somebody, and what the client was told meanwhile."""

    request_id = "1"

    def __init__(self, subject: str = "", scopes: tuple[str, ...] = (), transport: str | None = None) -> None:
        self.caller = Caller(request_id="1", subject=subject, client_id="c", scopes=scopes)
        self.transport = transport
        self.told: list[str] = []

    def log(self, level: str, logger: str | None, data: object) -> None:
        raise AssertionError("nobody asked for logs")

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        raise AssertionError("nobody asked for progress")

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.told.append(method)


def offering() -> FastMCP:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="a", tags={"x"})
    mcp.tool(lambda: 2, name="b")
    mcp.resource("data://r", name="r")(lambda: "r")
    mcp.resource("data://t/{n}", name="t")(lambda n: n)
    mcp.prompt(lambda: "p", name="p")
    return mcp


async def shown(mcp: FastMCP) -> list[str]:
    return [
        component.name
        for components in (
            await mcp.list_tools(),
            await mcp.list_resources(),
            await mcp.list_resource_templates(),
            await mcp.list_prompts(),
        )
        for component in components
    ]


@pytest.mark.fastmcp("T-33", "S-09", "S-10", status="later")
@pytest.mark.parametrize(
    ("switch", "left"),
    [
        (lambda mcp: mcp.disable(names={"a"}), ["b", "r", "t", "p"]),
        (lambda mcp: mcp.disable(tags={"x"}), ["b", "r", "t", "p"]),
        (lambda mcp: mcp.disable(keys={"tool:a", "prompt:p@"}), ["b", "r", "t"]),
        (lambda mcp: mcp.disable(components={"tool", "template"}), ["r", "p"]),
        (lambda mcp: mcp.disable(components={"tool"}, names={"p"}), ["a", "b", "r", "t", "p"]),
        (lambda mcp: mcp.disable(), []),
        (lambda mcp: mcp.disable().enable(names={"data://r"}), ["r"]),
        (lambda mcp: mcp.enable(tags={"x"}, only=True), ["a"]),
        (lambda mcp: mcp.disable(names={"a"}).enable(tags={"x"}), ["a", "b", "r", "t", "p"]),
        (lambda mcp: mcp.get_tool("a").disable() or mcp.enable(names={"a"}), ["a", "b", "r", "t", "p"]),
        (lambda mcp: mcp.disable(names={"a"}) and mcp.get_tool("a").enable(), ["a", "b", "r", "t", "p"]),
    ],
)
async def test_of_several_switches_the_last_one_counts(switch: Any, left: list[str]) -> None:
    mcp = offering()

    switch(mcp)

    assert await shown(mcp) == left


@pytest.mark.fastmcp("T-33", status="later")
async def test_a_rule_holds_for_components_that_come_later() -> None:
    mcp = FastMCP().disable(tags={"internal"})

    mcp.tool(lambda: 1, name="hidden", tags={"internal"})
    mcp.tool(lambda: 1, name="open")

    assert await shown(mcp) == ["open"]


@pytest.mark.fastmcp("T-33", status="later")
async def test_what_is_switched_off_is_unknown() -> None:
    mcp = offering().disable()

    async with Client(mcp) as client:
        with pytest.raises(UnknownTool):
            await client.call_tool("a")
        with pytest.raises(UnknownResource):
            await client.read_resource("data://r")
        with pytest.raises(UnknownPrompt):
            await client.get_prompt("p")


def test_a_switch_that_could_mean_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="names 'tools'; the kinds are tool, resource, template, prompt"):
        FastMCP().disable(components={"tools"})
    with pytest.raises(TypeError, match=r"names= is a set of names.*write \{'add'\}"):
        FastMCP().enable(names="add")


@pytest.mark.fastmcp("T-33", "T-34")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda mcp: mcp.get_tool("b").disable(), ["notifications/tools/list_changed"]),
        (lambda mcp: mcp.remove_tool("b"), ["notifications/tools/list_changed"]),
        (lambda mcp: mcp.tool(lambda: 1, name="new"), ["notifications/tools/list_changed"]),
        (lambda mcp: mcp.remove_resource("data://t/{n}"), ["notifications/resources/list_changed"]),
        (lambda mcp: mcp.remove_prompt("p"), ["notifications/prompts/list_changed"]),
        (lambda mcp: (mcp.remove_tool("b"), mcp.tool(lambda: 1, name="c")), ["notifications/tools/list_changed"]),
    ],
)
async def test_the_client_whose_request_changes_a_list_is_told_once(change: Any, told: list[str]) -> None:
    mcp, request = offering(), Request()

    @mcp.tool
    def act(ctx: Context) -> None:
        change(ctx.fastmcp)

    await serve(mcp, "tools/call", {"name": "act"}, request)

    assert request.told == told


@pytest.mark.fastmcp("T-34", status="later")
def test_the_local_provider_removes_and_raises_key_errors() -> None:
    mcp = offering()

    mcp.local_provider.remove_tool("a")

    with pytest.raises(KeyError, match="'a'"):
        mcp.local_provider.remove_tool("a")
    with pytest.raises(NotFoundError):
        mcp.get_tool("a")


def versioned() -> FastMCP:
    mcp = FastMCP()
    for version in ("2.0", "10.0", "1.0"):
        mcp.tool(lambda version=version: version, name="v", version=version, exclude_args=["version"])
    return mcp


@pytest.mark.fastmcp("T-11", status="later")
async def test_of_several_versions_the_highest_is_listed_and_called() -> None:
    async with Client(versioned()) as client:
        listed = await client.list_tools()
        result = await client.call_tool("v")

    assert [tool.meta for tool in listed] == [{"fastmcp": {"version": "10.0", "versions": ["10.0", "2.0", "1.0"]}}]
    assert result.content[0].text == "10.0"


@pytest.mark.fastmcp("T-11", status="later")
async def test_a_request_may_ask_for_a_version() -> None:
    async with Client(versioned()) as client:
        result = await client.call_tool("v", meta={"fastmcp": {"version": "1.0"}})
        with pytest.raises(UnknownTool):
            await client.call_tool("v", meta={"fastmcp": {"version": "3.0"}})

    assert result.content[0].text == "1.0"


@pytest.mark.fastmcp("T-11", status="later")
async def test_versions_are_switched_and_removed_one_by_one() -> None:
    mcp = versioned()

    mcp.disable(version=VersionSpec(gte="10"))
    mcp.remove_tool("v", version="1.0")

    async with Client(mcp) as client:
        assert (await client.call_tool("v")).content[0].text == "2.0"
        with pytest.raises(UnknownTool):
            await client.call_tool("v", meta={"fastmcp": {"version": "1.0"}})
    with pytest.raises(NotFoundError, match=r"'v' of version '1\.0'"):
        mcp.remove_tool("v", version="1.0")


def test_versions_are_not_mixed_with_none() -> None:
    with pytest.raises(ValueError, match="give every one of them a version=, or none"):
        versioned().tool(lambda: 1, name="v")


@pytest.mark.parametrize(("version", "error"), [("", ValueError), ("1@2", ValueError), (True, TypeError)])
def test_a_version_that_no_key_could_carry_is_refused(version: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="version"):
        FastMCP().tool(lambda: 1, name="v", version=version)


def test_versions_are_ordered_by_their_numbers() -> None:
    ordered = [None, "1.0-beta", "1.0", "1.0.1", "v2", "2.0", "10.0", "2025-01-15", "2025-11-02"]
    keys = [version_key(version) for version in ordered]

    assert keys == sorted(set(keys))


GUARDS = [
    pytest.param(require_scopes("admin"), id="scopes"),
    pytest.param([require_scopes("admin"), lambda context: True], id="list"),
    pytest.param(restrict_tag("secret", scopes=["admin"]), id="tag"),
    pytest.param(require_roles("admin", extract=lambda claims: [claims["sub"]]), id="roles"),
    pytest.param(lambda context: context.token is not None and context.token.claims["sub"] == "admin", id="callable"),
]


@pytest.mark.fastmcp("T-06", "C-22", status="later")
@pytest.mark.parametrize("auth", GUARDS)
async def test_a_component_is_absent_for_whom_its_checks_refuse(auth: Any) -> None:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="guarded", auth=auth, tags={"secret"})
    mcp.resource("data://r", name="r", auth=auth, tags={"secret"})(lambda: "r")
    mcp.resource("data://t/{n}", name="t", auth=auth, tags={"secret"})(lambda n: n)
    mcp.prompt(lambda: "p", name="p", auth=auth, tags={"secret"})
    mcp.tool(lambda: 2, name="open")

    for stranger in (Request(), Request("ben", ("read",))):
        assert _names(await serve(mcp, "tools/list", {}, stranger)) == ["open"]
        for method, params in (
            ("tools/call", {"name": "guarded"}),
            ("resources/read", {"uri": "data://r"}),
            ("resources/read", {"uri": "data://t/1"}),
            ("prompts/get", {"name": "p"}),
        ):
            with pytest.raises(McpError, match=r"^No "):
                await serve(mcp, method, params, stranger)

    admin = Request("admin", ("admin", "read"))
    assert _names(await serve(mcp, "tools/list", {}, admin)) == ["guarded", "open"]
    answer: Any = await serve(mcp, "tools/call", {"name": "guarded"}, admin)
    assert answer["content"][0]["text"] == "1"


async def test_a_check_that_fails_refuses(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP()

    async def broken(context: AuthContext) -> bool:
        raise RuntimeError("the directory is away")

    mcp.tool(lambda: 1, name="guarded", auth=broken)

    with pytest.raises(UnknownTool):
        await serve(mcp, "tools/call", {"name": "guarded"}, Request("admin"))
    assert "the directory is away" in caplog.text


async def test_whoever_started_the_process_may_use_everything() -> None:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="guarded", auth=require_scopes("admin"))

    answer: Any = await serve(mcp, "tools/call", {"name": "guarded"}, Request(transport="stdio"))

    assert answer["content"][0]["text"] == "1"


async def test_a_caller_gets_the_highest_version_that_is_for_them() -> None:
    mcp = FastMCP()
    mcp.tool(lambda: "old", name="v", version="1")
    mcp.tool(lambda: "new", name="v", version="2", auth=require_scopes("beta"))

    everybody: Any = await serve(mcp, "tools/call", {"name": "v"}, Request())
    tester: Any = await serve(mcp, "tools/call", {"name": "v"}, Request("ada", ("beta",)))

    assert (everybody["content"][0]["text"], tester["content"][0]["text"]) == ("old", "new")


def test_what_is_no_check_is_refused() -> None:
    with pytest.raises(TypeError, match=r"auth= takes checks such as require_scopes\('admin'\), not str"):
        FastMCP().tool(lambda: 1, name="x", auth=["admin"])
    with pytest.raises(TypeError, match=r"require_scopes\(\) takes names"):
        require_scopes()


@pytest.mark.fastmcp("T-11", "S-11")
@pytest.mark.parametrize(
    ("server", "tool", "support"),
    [
        (None, None, None),
        (None, True, "optional"),
        (None, TaskConfig("required"), "required"),
        (True, None, "optional"),
        (True, False, None),
    ],
)
async def test_whether_a_tool_may_be_a_task_is_listed(server: bool | None, tool: Any, support: str | None) -> None:
    mcp = FastMCP(tasks=server)
    mcp.tool(lambda: 1, name="long", task=tool)

    async with Client(mcp) as client:
        listed = (await client.list_tools())[0]

    assert listed.execution == (None if support is None else {"taskSupport": support})


def test_a_task_mode_is_one_of_three() -> None:
    mode: Any = "sometimes"

    with pytest.raises(ValueError, match="'optional', 'required', 'forbidden'"):
        TaskConfig(mode)
    with pytest.raises(TypeError, match="task= is True, False or a TaskConfig, not str"):
        FastMCP().tool(lambda: 1, name="x", task="yes")


def _names(answer: Any) -> list[str]:
    decoded = msgspec.json.decode(msgspec.json.encode(answer))
    return [item["name"] for item in decoded["tools"]]


@pytest.mark.fastmcp("T-11", status="later")
async def test_the_version_asked_for_is_of_what_is_called_and_not_of_what_that_uses() -> None:
    mcp = versioned()
    mcp.resource("data://v", name="v", version="9")(lambda: "nine")

    @mcp.tool(version="1.0")
    async def outer(ctx: Context) -> str:
        return str((await ctx.read_resource("data://v"))[0].content)

    async with Client(mcp) as client:
        assert await client.call_tool("outer", meta={"fastmcp": {"version": "1.0"}}) == "nine"


@pytest.mark.fastmcp("T-33", status="later")
def test_a_version_is_found_by_name() -> None:
    mcp = versioned()

    assert [mcp.get_tool("v").version, mcp.get_tool("v", version="1.0").version] == ["10.0", "1.0"]
    with pytest.raises(NotFoundError, match=r"'v' of version '7'"):
        mcp.get_tool("v", version="7")
