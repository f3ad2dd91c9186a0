"""The server object (FASTMCP S-01 to S-11)."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components.access import require_scopes
from mcp_runtime.framework.components.security import ResourceSecurity
from mcp_runtime.framework.lifespan import combine_lifespans, lifespan
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.serving import describe
from mcp_runtime.framework.types import Icon
from mcp_runtime.protocol.errors import UnknownPrompt, UnknownResource, UnknownTool


@pytest.mark.fastmcp("S-01")
def test_a_server_without_a_name_gets_one() -> None:
    assert re.fullmatch(r"FastMCP-[0-9a-f]{4}", FastMCP().name)


@pytest.mark.fastmcp("S-01", "S-11")
async def test_clients_learn_who_the_server_is() -> None:
    mcp = FastMCP(
        "Weather",
        "Ask about the weather.",
        version="3",
        website_url="https://example.com",
        icons=[Icon(src="https://example.com/i.png")],
    )

    async with Client(mcp) as client:
        result = client.initialize_result
    assert (result.server_info.name, result.server_info.version) == ("Weather", "3")
    assert (result.server_info.website_url, result.server_info.icons) == (
        "https://example.com",
        [Icon(src="https://example.com/i.png")],
    )
    assert result.instructions == "Ask about the weather."


def test_an_unknown_keyword_is_refused_with_the_right_one() -> None:
    with pytest.raises(TypeError, match=r"takes no mask_errors=; did you mean mask_error_details=\?"):
        FastMCP(mask_errors=True)


def test_a_keyword_that_is_gone_is_refused_with_its_replacement() -> None:
    with pytest.raises(TypeError, match=r"dependencies=: list them in requirements.txt"):
        FastMCP(dependencies=["pandas"])


def test_what_is_no_auth_provider_is_refused() -> None:
    provider: Any = object()

    with pytest.raises(TypeError, match="is no AuthProvider"):
        FastMCP(auth=provider)


@pytest.mark.fastmcp("S-11")
def test_transport_options_are_kept_for_run_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"port, stateless_http: how a server listens is said to run\(\)"):
        mcp = FastMCP(port=9000, stateless_http=True)

    assert mcp.run_options == {"port": 9000, "stateless_http": True}


def test_a_method_of_later_versions_is_named() -> None:
    with pytest.raises(AttributeError, match=r"FastMCP.add_extension is not part of this version"):
        _ = FastMCP().add_extension


@pytest.mark.fastmcp("S-05")
async def test_a_duplicate_replaces_the_first_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP()

    with caplog.at_level(logging.WARNING):
        mcp.tool(lambda: 1, name="n")
        mcp.tool(lambda: 2, name="n")

    assert "Tool already exists" in caplog.text
    async with Client(mcp) as client:
        assert (await client.call_tool("n")).content[0].text == "2"


@pytest.mark.fastmcp("S-05")
@pytest.mark.parametrize(("policy", "kept"), [("replace", "2"), ("ignore", "1")])
async def test_a_duplicate_is_treated_as_the_policy_says(policy: str, kept: str) -> None:
    mcp = FastMCP(on_duplicate_tools=policy)
    mcp.tool(lambda: 1, name="n")
    mcp.tool(lambda: 2, name="n")

    async with Client(mcp) as client:
        assert (await client.call_tool("n")).content[0].text == kept


@pytest.mark.fastmcp("S-05", "S-06", "S-07")
@pytest.mark.parametrize(
    ("parameter", "register"),
    [
        ("on_duplicate_tools", lambda mcp: mcp.tool(lambda: 1, name="n")),
        ("on_duplicate_resources", lambda mcp: mcp.resource("data://n", name="n")(lambda: 1)),
        ("on_duplicate_resources", lambda mcp: mcp.resource("data://{n}", name="n")(lambda n: n)),
        ("on_duplicate_prompts", lambda mcp: mcp.prompt(lambda: "x", name="n")),
        ("on_duplicate", lambda mcp: mcp.prompt(lambda: "x", name="n")),
    ],
)
def test_a_duplicate_can_be_an_error(parameter: str, register: Any) -> None:
    mcp = FastMCP(**cast(dict[str, Any], {parameter: "error"}))
    register(mcp)

    with pytest.raises(ValueError, match="already exists: "):
        register(mcp)


@pytest.mark.fastmcp("S-05")
def test_an_unknown_policy_is_refused_with_the_four() -> None:
    with pytest.raises(ValueError, match="'warn', 'replace', 'error', 'ignore'"):
        FastMCP(on_duplicate_tools="explode")


@pytest.mark.fastmcp("S-08")
def test_the_prefix_format_is_one_of_two() -> None:
    assert FastMCP(resource_prefix_format="protocol").resource_prefix_format == "protocol"
    with pytest.raises(ValueError, match="neither 'path' nor 'protocol'"):
        FastMCP(resource_prefix_format="flat")


def tagged(**filters: Any) -> FastMCP:
    mcp = FastMCP(**filters)
    mcp.tool(lambda: 1, name="a", tags={"a"})
    mcp.tool(lambda: 1, name="ab", tags={"a", "b"})
    mcp.tool(lambda: 1, name="none")
    return mcp


@pytest.mark.fastmcp("S-09", "S-10")
@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({}, ["a", "ab", "none"]),
        ({"include_tags": {"a"}}, ["a", "ab"]),
        ({"exclude_tags": {"b"}}, ["a", "none"]),
        ({"include_tags": {"a"}, "exclude_tags": {"b"}}, ["a"]),
    ],
)
async def test_tag_filters_decide_what_is_listed(filters: Any, shown: list[str]) -> None:
    async with Client(tagged(**filters)) as client:
        assert [tool.name for tool in await client.list_tools()] == shown


@pytest.mark.fastmcp("S-09")
async def test_what_a_filter_hides_cannot_be_used() -> None:
    mcp = FastMCP(include_tags={"public"})
    mcp.tool(lambda: 1, name="t")
    mcp.resource("data://r", name="r")(lambda: "r")
    mcp.prompt(lambda: "p", name="p")

    async with Client(mcp) as client:
        with pytest.raises(UnknownTool):
            await client.call_tool("t")
        with pytest.raises(UnknownResource):
            await client.read_resource("data://r")
        with pytest.raises(UnknownPrompt):
            await client.get_prompt("p")


@pytest.mark.fastmcp("S-11")
async def test_the_frameworks_own_meta_can_be_left_out() -> None:
    async with Client(tagged(include_fastmcp_meta=False)) as client:
        assert [tool.meta for tool in await client.list_tools()] == [None, None, None]


@pytest.mark.fastmcp("S-11")
async def test_tools_may_be_given_to_the_constructor() -> None:
    def one() -> int:
        return 1

    async with Client(FastMCP(tools=[one])) as client:
        assert await client.call_tool("one") == 1


@pytest.mark.fastmcp("S-11")
async def test_the_lifespan_surrounds_the_requests() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(server: FastMCP) -> AsyncIterator[dict[str, str]]:
        steps.append("up")
        yield {"db": "open"}
        steps.append("down")

    mcp = FastMCP(lifespan=lifespan)

    @mcp.tool
    async def peek(ctx: Context) -> str:
        steps.append("call")
        return str(ctx.request_context.lifespan_context["db"])

    async with Client(mcp) as client:
        assert await client.call_tool("peek") == "open"
        assert await client.call_tool("peek") == "open"
    assert steps == ["up", "call", "call", "down"]


@pytest.mark.fastmcp("S-11")
async def test_a_lifespan_that_failed_is_tried_again() -> None:
    tries: list[int] = []

    @asynccontextmanager
    async def lifespan(server: FastMCP) -> AsyncIterator[None]:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("no database yet")
        yield

    mcp = FastMCP(lifespan=lifespan)

    with pytest.raises(ConnectionError):
        await mcp.start()
    await mcp.start()
    await mcp.stop()
    assert len(tries) == 2


async def test_the_manifest_lists_everything_in_the_order_of_registration() -> None:
    mcp = FastMCP("x", "how", version="1", strict_input_validation=True)
    mcp.tool(lambda: 1, name="b")
    mcp.tool(lambda: 1, name="a")
    mcp.resource("data://b", name="b")(lambda: 1)
    mcp.resource("data://{x}", name="t")(lambda x: x)
    mcp.prompt(lambda: "p", name="p")

    manifest = await describe(mcp)

    assert (manifest.name, manifest.version, manifest.instructions, manifest.strict_input) == ("x", "1", "how", True)
    assert [tool["name"] for tool in manifest.tools] == ["b", "a"]
    assert [resource["uri"] for resource in manifest.resources] == ["data://b"]
    assert [template["uriTemplate"] for template in manifest.resource_templates] == ["data://{x}"]
    assert [prompt["name"] for prompt in manifest.prompts] == ["p"]


@pytest.mark.fastmcp("S-11", status="later")
async def test_lifespans_are_joined_and_left_in_reverse() -> None:
    steps: list[str] = []

    @lifespan
    async def database(server: FastMCP) -> AsyncIterator[dict[str, int]]:
        steps.append("database up")
        yield {"database": 1, "both": 1}
        steps.append("database down")

    async def cache(server: FastMCP) -> AsyncIterator[dict[str, int]]:
        steps.append("cache up")
        yield {"cache": 2, "both": 2}
        steps.append("cache down")

    async def nothing(server: FastMCP) -> AsyncIterator[None]:
        yield

    mcp = FastMCP(lifespan=database | cache | nothing)

    await mcp.start()
    value = mcp.lifespan_value
    await mcp.stop()

    assert value == {"database": 1, "both": 2, "cache": 2}
    assert steps == ["database up", "cache up", "cache down", "database down"]


async def test_a_joined_lifespan_yields_a_dictionary() -> None:
    async def number(server: FastMCP) -> AsyncIterator[int]:
        yield 1

    mcp = FastMCP(lifespan=combine_lifespans(number, number))

    with pytest.raises(TypeError, match="yields a dictionary, not int"):
        await mcp.start()


def test_what_is_no_lifespan_is_refused() -> None:
    wrong: Any = "up"

    with pytest.raises(TypeError, match="lifespan= takes a function of the server"):
        FastMCP(lifespan=wrong)


@pytest.mark.fastmcp("S-11")
async def test_middleware_may_be_given_to_the_constructor() -> None:
    seen: list[str | None] = []

    class Watch(Middleware):
        async def on_message(self, context: Any, call_next: Any) -> Any:
            seen.append(context.method)
            return await call_next(context)

    mcp = FastMCP(middleware=[Watch()])
    mcp.tool(lambda: 1, name="one")

    async with Client(mcp) as client:
        await client.call_tool("one")

    assert "tools/call" in seen


@pytest.mark.fastmcp("S-11")
def test_the_sampling_handler_answers_always_or_as_a_fallback() -> None:
    def handler(*_: Any) -> str:
        return "hi"

    assert FastMCP(sampling_handler=handler).sampling_handler_behavior == "fallback"
    assert FastMCP(sampling_handler=handler, sampling_handler_behavior="always").sampling_handler is handler
    behavior: Any = "sometimes"
    with pytest.raises(ValueError, match="neither 'fallback' nor 'always'"):
        FastMCP(sampling_handler_behavior=behavior)


@pytest.mark.fastmcp("S-01", status="later")
def test_a_version_may_be_a_number() -> None:
    assert [FastMCP(version=version).version for version in ("1.0", 2, 3.5, None)] == ["1.0", "2", "3.5", ""]


@pytest.mark.fastmcp("S-11", status="later")
def test_what_a_gateway_does_alike_for_all_is_taken_and_kept() -> None:
    mcp = FastMCP(list_page_size=50, cache_ttl=60, dereference_schemas=False)

    assert mcp.host_options == {"list_page_size": 50, "cache_ttl": 60, "dereference_schemas": False}


@pytest.mark.fastmcp("R-11", status="later")
@pytest.mark.parametrize(
    ("server", "resource", "path", "answer"),
    [
        (None, ..., "../up", "../up"),
        (ResourceSecurity(reject_absolute_paths=False), ..., "/etc/hosts", "/etc/hosts"),
        (ResourceSecurity(reject_absolute_paths=False), ..., "/etc/../x", None),
        (ResourceSecurity(exempt_params={"path"}), ..., "../up", "../up"),
        (None, ResourceSecurity(), "../up", None),
        (ResourceSecurity(), None, "a%00b", "a\0b"),
        (ResourceSecurity(reject_path_traversal=False), ..., "a%00b", None),
    ],
)
async def test_an_author_may_say_what_a_templates_parameters_hold(
    server: ResourceSecurity | None, resource: Any, path: str, answer: str | None
) -> None:
    mcp = FastMCP(resource_security=server)
    options: dict[str, Any] = {} if resource is ... else {"security": resource}
    mcp.resource("files://{path*}", name="f", **options)(lambda path: path)

    async with Client(mcp) as client:
        if answer is None:
            with pytest.raises(UnknownResource):
                await client.read_resource(f"files://{path}")
        else:
            assert (await client.read_resource(f"files://{path}"))[0].text == answer


@pytest.mark.fastmcp("S-09", "M-08", status="safer")
async def test_the_manifest_says_which_lists_differ_by_caller() -> None:
    class Hiding(Middleware):
        async def on_list_prompts(self, context: Any, call_next: Any) -> Any:
            return []

    class Looking(Middleware):
        async def on_message(self, context: Any, call_next: Any) -> Any:
            return await call_next(context)

    plain, guarded = FastMCP(middleware=[Looking()]), FastMCP(middleware=[Looking(), Hiding()])
    plain.tool(lambda: 1, name="a")
    guarded.mount(plain)
    guarded.tool(lambda: 1, name="b", auth=require_scopes("admin"))

    assert (await describe(plain)).varying == []
    assert {"tools", "prompts"} <= set((await describe(guarded)).varying)
