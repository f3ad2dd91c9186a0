"""Whatever comes in, an answer goes out, and it is never a fault of ours: requests that are nearly right."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_runtime.protocol.versions import SUPPORTED
from tests.fuzz.front_door import FrontDoor, Headers
from tests.mcp_runtime.gateway.world import META

METHODS = st.sampled_from(
    ["tools/call", "tools/list", "resources/read", "prompts/get", "server/discover", "initialize", "ping",
     "completion/complete", "subscriptions/listen", "logging/setLevel", "notifications/cancelled", "x"]
)  # fmt: skip
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
FAST = settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The door itself says when an input takes too long."""


@pytest.fixture
def door() -> Iterator[FrontDoor]:
    with FrontDoor() as opened:
        yield opened


@FAST
@given(st.binary(max_size=300), HEADERS)
def test_any_bytes_are_answered(door: FrontDoor, body: bytes, headers: Headers) -> None:
    status, _ = door.ask(body, headers)

    assert status is None or status < 500


@FAST
@given(VALUES | REQUESTS | st.lists(REQUESTS, max_size=3), HEADERS)
def test_any_json_is_answered_in_json(door: FrontDoor, value: object, headers: Headers) -> None:
    status, body = door.ask(json.dumps(value).encode(), headers)

    assert status is None or status < 500
    if body and not body.startswith((b"event: ", b":", b"id: ")):
        json.loads(body)


@FAST
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "OPTIONS"]),
    st.sampled_from(["mcp", "sse", "messages"]),
    st.binary(max_size=20),
    HEADERS,
)
def test_any_door_is_opened_or_shut_in_order(
    door: FrontDoor, method: str, name: str, query: bytes, headers: Headers
) -> None:
    status, _ = door.ask(b"{}", headers, method=method, door=name, query=query)

    assert status is None or status < 500
