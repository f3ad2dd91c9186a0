"""`stoa tools` and `stoa call`: an MCP client at the terminal."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import quote

import httpx2

from controlplane.cli import arguments
from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable
from controlplane.cli.settings import Settings
from mcp_runtime.client import CallToolResult, Client
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.protocol.errors import McpError


def call(settings: Settings, server: str, tool: str, given: list[str], *, as_json: bool) -> None:
    """Call one tool and print what it gives. Raises CliError when the tool fails."""
    result = asyncio.run(_reached(settings, server, lambda client: _call(client, tool, given)))
    if as_json:
        blocks = [_plain(block) for block in result.content]
        print(
            json.dumps({"content": blocks, "structuredContent": result.structured_content, "isError": result.is_error})
        )
    elif not result.is_error:
        _print_content(result)
    if result.is_error:
        raise CliError(f"The tool '{tool}' failed: {printable(result.text)}")


def tools(settings: Settings, server: str) -> None:
    """Print the server's tools with their parameters."""
    found = asyncio.run(_reached(settings, server, lambda client: client.list_tools()))
    for tool in found:
        schema = tool.input_schema or {}
        required = set(schema.get("required", ()))
        parameters = ", ".join(
            printable(f"{name}: {_type_of(described)}" + ("" if name in required else " (optional)"))
            for name, described in schema.get("properties", {}).items()
        )
        print(f"{printable(tool.name)}({parameters})")
        summary = (tool.description or "").strip().splitlines()
        if summary:
            print(f"    {printable(summary[0])}")


async def _reached(settings: Settings, server: str, use: Any) -> Any:
    url = f"{settings.url}/t/{quote(settings.tenant, safe='')}/{quote(server, safe='')}/mcp"
    credential = settings.credential(server)
    try:
        async with Client(url, auth=credential, name="stoa-cli") as client:
            return await use(client)
    except McpError as error:
        data = error.data if isinstance(error.data, dict) else {}
        raise CliError(printable(error.message), hint=str(data.get("hint") or "")) from error
    except (httpx2.HTTPError, ClientError, OSError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        raise CliError(
            reason if reason.startswith(url) else f"{url} cannot be reached: {reason}",
            hint="Does `stoa servers` list it as active, and is the key good for calls?",
        ) from error


async def _call(client: Client, tool: str, given: list[str]) -> CallToolResult:
    schema = next((found.input_schema for found in await client.list_tools() if found.name == tool), None)
    return await client.call_tool(
        tool, arguments.parse(given, schema), progress_handler=_show_progress, raise_on_error=False
    )


async def _show_progress(progress: float, total: float | None, message: str | None) -> None:
    of = f"/{total:g}" if total else ""
    note(f"[{progress:g}{of}] {printable(message or '')}".rstrip())


def _print_content(result: CallToolResult) -> None:
    for block in result.content:
        text = getattr(block, "text", None)
        if isinstance(text, str):
            print(printable(text) if sys.stdout.isatty() else text)
        else:
            print(json.dumps(_plain(block)))


def _plain(block: Any) -> dict[str, Any]:
    """A content block as it was on the wire; bytes stay base64."""
    return dict(block.to_wire())


def _type_of(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    kind: object = schema.get("type")
    if isinstance(kind, str):
        return kind
    choices = [_type_of(choice) for choice in schema.get("anyOf", ())]
    return " | ".join(dict.fromkeys(choices)) or "any"
