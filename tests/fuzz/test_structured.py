"""Whatever comes in, an answer goes out, and it is never a fault of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.protocol.versions import SUPPORTED
from mcp_runtime.transports.asgi import Message
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.world import ADA, META

Headers = list[tuple[bytes, bytes]]
Ask = Callable[[bytes, Headers], tuple[int, bytes]]

METHODS = st.sampled_from(
    ["tools/call", "tools/list", "resources/read", "prompts/get", "server/discover", "initialize", "ping", "x"]
)
KEYS = st.sampled_from(
    ["jsonrpc", "id", "method", "params", "_meta", "name", "uri", "arguments", "a", "progressToken", "cursor",
     f"{META}protocolVersion", f"{META}clientCapabilities", f"{META}logLevel", "protocolVersion"]
)  # fmt: skip
WORDS = st.sampled_from(["2.0", "add", "raw", "tell", "weather://now", "city://x", "greet", *SUPPORTED, "debug"])
LEAVES = WORDS | METHODS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)
REQUESTS = st.builds(
    lambda method, params, version, more: {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {"_meta": {f"{META}protocolVersion": version, f"{META}clientCapabilities": {}}, **params},
        **more,
    },
    METHODS,
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.sampled_from(SUPPORTED),
    st.dictionaries(KEYS, VALUES, max_size=1),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"mcp-param-region"]),
        (WORDS | METHODS | st.text(max_size=5)).map(lambda text: text.encode("utf-8", "ignore"))
        | st.binary(max_size=9),
    ),
    max_size=4,
)
FAST = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def ask() -> Iterator[Ask]:
    """One POST to the gateway, without a network in between."""
    world = the_world.build()
    world.server.raw = b'{"content":[]}'
    world.server.release.set()
    options = GatewaySettings(public_url="https://mcp.example.com")
    gateway = Gateway(world.catalogue, world.credentials, world.sandboxes, options, outlet=lambda lines: None)

    async def exchange(body: bytes, headers: Headers) -> tuple[int, bytes]:
        sent: list[Message] = []
        bodies = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            for message in bodies:
                return message
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/t/acme/weather/mcp",
            "raw_path": b"/t/acme/weather/mcp",
            "query_string": b"",
            "headers": [
                (b"host", b"mcp.example.com"),
                (b"authorization", f"Bearer {ADA}".encode()),
                (b"content-type", b"application/json"),
                *headers,
            ],
        }
        await gateway(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    with asyncio.Runner() as runner:
        yield lambda body, headers: runner.run(exchange(body, headers))
        runner.run(gateway.aclose())


@FAST
@given(st.binary(max_size=300), HEADERS)
def test_any_bytes_are_answered(ask: Ask, body: bytes, headers: Headers) -> None:
    status, _ = ask(body, headers)

    assert status < 500


@FAST
@given(VALUES | REQUESTS | st.lists(REQUESTS, max_size=3), HEADERS)
def test_any_json_is_answered_in_json(ask: Ask, value: object, headers: Headers) -> None:
    status, body = ask(json.dumps(value).encode(), headers)

    assert status < 500
    if body and not body.startswith(b"event: "):
        json.loads(body)
