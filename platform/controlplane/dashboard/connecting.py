"""How each client is told of an endpoint: what to paste, where, and which link does it in one step."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from django.http import HttpResponse
from django.shortcuts import render

from controlplane.calls import services as calls
from controlplane.composition import services
from controlplane.composition.services import endpoint_url
from controlplane.dashboard.pages import PageRequest, page

KEY = "$STOA_API_KEY"


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    how: str
    text: str = ""
    link: str = ""
    """Opens the client with everything filled in."""


@page("endpoints:read")
def connect(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    found = services.find_endpoint(name)
    url = endpoint_url(tenant, found.slug)
    context = {
        "tenant": tenant,
        "endpoint": found,
        "url": url,
        "clients": list(clients(found.slug, url)),
        "latest": calls.latest(found.slug, acting=request.principal),
    }
    return render(request, "dashboard/connect.html", context)


def clients(name: str, url: str) -> Iterator[Client]:
    """Those that people use most, by login; those for programs, by API key."""
    entry = {"url": url}
    named = {"mcpServers": {name: entry}}
    in_config = base64.b64encode(json.dumps(entry).encode()).decode()
    for_vscode = json.dumps({"name": name, "type": "http", "url": url}, separators=(",", ":"))
    yield Client(
        "Claude", "Settings, Connectors, Add custom connector: paste the address. Claude then opens the login.", url
    )
    yield Client("Claude Code", "In a terminal; /mcp then logs in.", f"claude mcp add --transport http {name} {url}")
    yield Client(
        "ChatGPT", "Settings, Connectors, Create (with developer mode on): paste the address, choose OAuth.", url
    )
    yield Client(
        "Cursor",
        "The link fills it in; by hand it goes to .cursor/mcp.json.",
        json.dumps(named, indent=2),
        f"cursor://anysphere.cursor-deeplink/mcp/install?name={quote(name)}&config={quote(in_config)}",
    )
    yield Client(
        "VS Code",
        "The link fills it in; so does the command.",
        f"code --add-mcp {shlex.quote(for_vscode)}",
        f"vscode:mcp/install?{quote(for_vscode)}",
    )
    yield Client(
        "Codex", "In ~/.codex/config.toml; codex mcp login then logs in.", f'[mcp_servers.{name}]\nurl = "{url}"'
    )
    yield Client(
        "Gemini CLI", "In a terminal; /mcp auth then logs in.", f"gemini mcp add --transport http {name} {url}"
    )
    yield Client(
        "MCP Inspector",
        "Lists the tools with an API key.",
        _INSPECTOR.format(url=url, key=KEY),
    )
    yield Client("Python", "With the fastmcp package; it opens a browser to log in.", _PYTHON.format(url=url))
    yield Client("curl", "One request, with an API key.", _CURL.format(url=url, key=KEY))


_INSPECTOR = """\
npx @modelcontextprotocol/inspector --cli {url} --transport http \\
  --method tools/list --header "Authorization: Bearer {key}\""""

_PYTHON = """\
import asyncio
import fastmcp

async def main():
    async with fastmcp.Client("{url}", auth="oauth") as client:
        print(await client.list_tools())

asyncio.run(main())"""

_CURL = """\
curl {url} \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -H "Accept: application/json, text/event-stream" \\
  -H "MCP-Protocol-Version: 2025-11-25" \\
  -d '{{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}}'"""
