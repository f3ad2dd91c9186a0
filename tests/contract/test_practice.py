"""Good practice that the framework keeps by itself (FASTMCP 1.14), and the starter servers that show it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.console import loading
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.settings import Settings
from mcp_runtime.protocol.errors import McpError
from tests.contract.serving import served

TEMPLATES = sorted((Path(__file__).parents[2] / "templates" / "servers").glob("*/server.py"))


@pytest.mark.fastmcp("G-33")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
async def test_every_component_of_a_starter_server_answers(path: Path, our_names: None) -> None:
    server = loading.load(str(path)).server

    async def agree(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return {}

    async with Client(server, elicitation_handler=agree) as client:
        for tool in await client.list_tools():
            await client.call_tool(tool.name, _example(tool.input_schema))
        for resource in await client.list_resources():
            assert await client.read_resource(resource.uri)
        for template in await client.list_resource_templates():
            assert await client.read_resource(
                template.uri_template.replace("{", "").replace("}", "").replace("number", "3")
            )
        for prompt in await client.list_prompts():
            wanted = {one.name: "x" for one in prompt.arguments or () if one.required}
            assert (await client.get_prompt(prompt.name, wanted)).messages


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    values = {"integer": 2, "number": 0.01, "string": "x", "boolean": True, "array": [], "object": {}}
    return {name: values[one.get("type", "string")] for name, one in schema.get("properties", {}).items()}


@pytest.mark.fastmcp("G-34", "G-42")
async def test_an_unexpected_error_reaches_clients_without_its_inside() -> None:
    mcp = FastMCP("careful", mask_error_details=True)

    @mcp.tool
    def fail() -> str:
        raise RuntimeError("password=hunter2")

    async with Client(mcp) as client:
        with pytest.raises(ToolError) as caught:
            await client.call_tool("fail")

    assert "hunter2" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.fastmcp("G-36")
async def test_calls_of_one_client_share_a_connection() -> None:
    mcp = FastMCP("pooled")

    @mcp.tool
    async def port(ctx: Context) -> int:
        request: Any = ctx.exchange
        return int(request.http_request.client.port)

    async with served(mcp) as url, Client(url) as client:
        ports = {(await client.call_tool("port")).data for _ in range(5)}

    assert len(ports) == 1


@pytest.mark.fastmcp("G-38")
@pytest.mark.parametrize("arguments", [{}, {"number": "many"}, {"number": 3, "more": 1}, {"number": 300}])
async def test_arguments_that_do_not_fit_never_reach_the_function(arguments: dict[str, Any]) -> None:
    mcp = FastMCP("validated")
    reached: list[int] = []

    def take(number: Annotated[int, Field(le=100)]) -> None:
        reached.append(number)

    mcp.tool(take)

    async with Client(mcp) as client:
        with pytest.raises((ToolError, McpError)):
            await client.call_tool("take", arguments)

    assert reached == []


@pytest.mark.fastmcp("G-40", status="safer")
@pytest.mark.parametrize(
    "uri", ["files://../secret", "files://a/..%2F..%2Fsecret", "files:///etc/passwd", "files://a%00b"]
)
async def test_a_uri_does_not_lead_out_of_its_folder(uri: str) -> None:
    mcp = FastMCP("sanitised")
    reached: list[str] = []

    @mcp.resource("files://{path*}")
    def read(path: str) -> str:
        reached.append(path)
        return path

    async with Client(mcp) as client:
        with pytest.raises(McpError):
            await client.read_resource(uri)

    assert reached == []


@pytest.mark.fastmcp("G-27")
async def test_the_log_level_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings({"FASTMCP_LOG_LEVEL": "warning"})

    assert settings.log_level == "WARNING"
    assert logging.getLevelName(settings.log_level) == logging.WARNING
