"""The client that the official conformance suite runs: `python -m tests.conformance.client <server-url>`.

The suite starts a server, names its scenario in MCP_CONFORMANCE_SCENARIO and what the client is to know in
MCP_CONFORMANCE_CONTEXT, and judges what the client sends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from mcp_runtime.client import Client
from mcp_runtime.client.auth import (
    ClientCredentialsOAuthProvider,
    OAuth,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp_runtime.framework.errors import FrameworkError
from mcp_runtime.framework.types import ElicitResult, Tool
from mcp_runtime.protocol.errors import McpError

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "")
LEGACY = bool(VERSION) and VERSION < "2026"
DOCUMENT = "https://conformance-test.local/client-metadata.json"


class Headless(OAuth):
    """Follows the log-in page's redirect itself."""

    async def redirect_handler(self, authorization_url: str) -> None:
        # All scenarios are played at once: on a machine that does other things too, the page takes its time.
        async with httpx2.AsyncClient(follow_redirects=False, timeout=60.0) as http:
            answer = await http.get(authorization_url)
        self._back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def callback_handler(self) -> dict[str, str]:
        return self._back


def client(url: str, **options: Any) -> Client:
    return Client(
        url,
        mode=VERSION if LEGACY else "auto",
        sampling_handler=lambda *_: "A sampled answer",
        elicitation_handler=lambda *_: ElicitResult(action="accept", content={}),
        roots=["file:///workspace"],
        **options,
    )


async def list_tools(url: str) -> None:
    async with client(url) as connected:
        await connected.list_tools()


async def call_add(url: str) -> None:
    async with client(url) as connected:
        await connected.list_tools()
        await connected.call_tool("add_numbers", {"a": 5, "b": 3})


def call(name: str) -> Callable[[str], Awaitable[None]]:
    async def run(url: str) -> None:
        async with client(url) as connected:
            await connected.list_tools()
            await connected.call_tool(name, {})

    return run


async def call_everything(url: str) -> None:
    """Every tool the server offers, with arguments of the types it asks for."""
    async with client(url) as connected:
        for tool in await connected.list_tools():
            await connected.call_tool(tool.name, arguments_for(tool), raise_on_error=False)


async def call_as_told(url: str) -> None:
    async with client(url) as connected:
        tools = await connected.list_tools()
        for told in CONTEXT.get("toolCalls", []):
            await connected.call_tool(told["name"], told.get("arguments") or {}, raise_on_error=False)
        if not CONTEXT.get("toolCalls"):
            for tool in tools:
                await connected.call_tool(tool.name, arguments_for(tool), raise_on_error=False)


async def call_standard(url: str) -> None:
    async with client(url) as connected:
        for tool in await connected.list_tools():
            await connected.call_tool(tool.name, arguments_for(tool), raise_on_error=False)
        for resource in await connected.list_resources():
            await connected.read_resource(resource.uri)
        for prompt in await connected.list_prompts():
            names = [argument.name for argument in prompt.arguments or [] if argument.required]
            await connected.get_prompt(prompt.name, dict.fromkeys(names, "x"))


async def keep_state(url: str) -> None:
    async with client(url) as connected:
        await connected.list_tools()
        names = ("test_mrtr_echo_state", "test_mrtr_unrelated", "test_mrtr_no_state", "test_mrtr_no_result_type")
        for name in names:
            await connected.call_tool(name, {}, raise_on_error=False)


async def echo_schema(url: str) -> None:
    async with client(url) as connected:
        tools = {tool.name: tool for tool in await connected.list_tools()}
        focal = next((tool for name, tool in tools.items() if name != "json_schema_echo"), None)
        if focal is not None and "json_schema_echo" in tools:
            await connected.call_tool("json_schema_echo", {"schema": focal.input_schema})


async def log_in(url: str) -> None:
    known = {key: CONTEXT[key] for key in ("client_id", "client_secret") if CONTEXT.get(key)}
    auth = Headless(client_metadata_url=DOCUMENT, **known)
    async with client(url, auth=auth) as connected:
        for tool in await connected.list_tools():
            await connected.call_tool(tool.name, arguments_for(tool), raise_on_error=False)


def arguments_for(tool: Tool) -> dict[str, Any]:
    samples: dict[str, Any] = {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    properties: dict[str, Any] = tool.input_schema.get("properties") or {}
    return {
        name: properties.get(name, {}).get("default", samples.get(str(properties.get(name, {}).get("type")), "x"))
        for name in tool.input_schema.get("required") or ()
    }


async def prove_secret(url: str) -> None:
    auth = ClientCredentialsOAuthProvider(client_id=CONTEXT["client_id"], client_secret=CONTEXT["client_secret"])
    async with client(url, auth=auth) as connected:
        await connected.list_tools()


async def prove_key(url: str) -> None:
    parameters = SignedJWTParameters(
        issuer=CONTEXT["client_id"],
        subject=CONTEXT["client_id"],
        signing_key=CONTEXT["private_key_pem"],
        signing_algorithm=CONTEXT["signing_algorithm"],
    )
    auth = PrivateKeyJWTOAuthProvider(
        client_id=CONTEXT["client_id"], assertion_provider=parameters.create_assertion_provider()
    )
    async with client(url, auth=auth) as connected:
        await connected.list_tools()


SCENARIOS: dict[str, Callable[[str], Awaitable[None]]] = {
    "initialize": list_tools,
    "tools_call": call_add,
    "elicitation-sep1034-client-defaults": call("test_client_elicitation_defaults"),
    "sse-retry": call("test_reconnection"),
    "request-metadata": call_everything,
    "sep-2322-client-request-state": keep_state,
    "http-standard-headers": call_standard,
    "http-custom-headers": call_as_told,
    "http-invalid-tool-headers": call_everything,
    "json-schema-ref-no-deref": list_tools,
    "json-schema-2020-12-preservation": echo_schema,
    "auth/client-credentials-basic": prove_secret,
    "auth/client-credentials-jwt": prove_key,
}


async def main(url: str) -> int:
    run = SCENARIOS.get(SCENARIO) or (log_in if SCENARIO.startswith("auth/") else list_tools)
    try:
        await run(url)
    except (FrameworkError, McpError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1])))
