"""User interfaces of tools (FASTMCP 2.2; T-10, R-09)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP, decorators
from mcp_runtime.framework.apps import UI_MIME_TYPE, AppConfig, ResourceCSP

pytestmark = pytest.mark.fastmcp("T-10", "R-09", status="later")

PAGE = "ui://clock/view.html"


def clock() -> FastMCP:
    mcp = FastMCP("clock")

    @mcp.tool(app=AppConfig(resource_uri=PAGE, prefers_border=True), meta={"mine": 1})
    def now() -> str:
        return "12:00"

    @mcp.resource(PAGE, app=AppConfig(csp=ResourceCSP(resource_domains=["https://cdn.example.com"])))
    def view() -> str:
        return "<!doctype html>"

    return mcp


async def test_a_tool_names_its_page() -> None:
    async with Client(clock()) as client:
        tool = (await client.list_tools())[0]

    assert tool.meta is not None
    assert tool.meta["ui"] == {"resourceUri": PAGE, "prefersBorder": True}
    assert tool.meta["mine"] == 1


async def test_a_page_is_listed_and_read_with_how_it_is_closed_in() -> None:
    closed = {"csp": {"resourceDomains": ["https://cdn.example.com"]}}
    async with Client(clock()) as client:
        listed = (await client.list_resources())[0]
        read = (await client.read_resource(PAGE))[0]

    assert listed.meta is not None
    assert (listed.mime_type, listed.meta["ui"]) == (UI_MIME_TYPE, closed)
    assert (read.mime_type, read.text, read.meta) == (UI_MIME_TYPE, "<!doctype html>", {"ui": closed})


async def test_a_dictionary_in_the_extensions_own_words_will_do() -> None:
    mcp = FastMCP(tools=[decorators.tool(app={"resourceUri": PAGE}, name="own")(lambda: 1)])

    assert (await mcp.list_tools())[0].meta == {"ui": {"resourceUri": PAGE}}


@pytest.mark.parametrize(
    ("offer", "error", "words"),
    [
        (lambda mcp: mcp.tool(app=True), TypeError, "app=AppConfig"),
        (lambda mcp: mcp.tool(app="ui://x"), TypeError, "not str"),
        (lambda mcp: mcp.resource(PAGE, app=AppConfig(resource_uri=PAGE)), ValueError, "resourceUri is a tool's"),
        (lambda mcp: mcp.prompt(app={"resourceUri": PAGE}), TypeError, "app="),
    ],
)
def test_what_cannot_be_an_interface_is_refused(offer: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        offer(FastMCP())
