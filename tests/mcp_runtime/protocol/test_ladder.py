"""The ladders as pure functions: the order of their rungs, and what may be echoed."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_runtime.protocol import errors, ladder
from mcp_runtime.protocol.ladder import Notification, Reply, Request, RoutingHeaders
from mcp_runtime.protocol.versions import ASSUMED_LEGACY, LATEST_LEGACY, MODERN, SUPPORTED, negotiate

CODES = (-32600, -32601, -32602, -32020, -32022)
META = "io.modelcontextprotocol/"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
WORDS = st.sampled_from(
    ["jsonrpc", "2.0", "id", "method", "params", "_meta", "result", "tools/call", "name", "uri", "2026-07-28",
     f"{META}protocolVersion", f"{META}clientCapabilities", f"{META}logLevel", "progressToken", "initialize"]
)  # fmt: skip
ALMOST = st.recursive(
    WORDS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)


def modern(method: str = "tools/list", version: str = MODERN.name, **params: object) -> dict[str, object]:
    meta = {f"{META}protocolVersion": version, f"{META}clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}


def headers(method: str | None = "tools/list", version: str | None = MODERN.name, name: str | None = None,
            duplicated: str | None = None) -> RoutingHeaders:  # fmt: skip
    return RoutingHeaders(version=version, method=method, name=name, duplicated=duplicated)


@pytest.mark.parametrize(
    ("header", "in_body", "is_modern"),
    [
        (None, False, False),
        (None, True, True),
        ("2026-07-28", False, True),
        ("2025-11-25", False, False),
        ("2025-11-25", True, True),
        ("2099-01-01", False, True),
        ("", False, True),
    ],
)
def test_the_era_is_the_headers_or_the_bodys(header: str | None, in_body: bool, is_modern: bool) -> None:
    body = modern() if in_body else {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    assert ladder.is_modern(RoutingHeaders(version=header), body) is is_modern


def test_a_modern_request_is_read_in_full() -> None:
    body = modern("tools/call", name="add", arguments={"a": 1})
    body["params"]["_meta"] |= {f"{META}logLevel": "error", "progressToken": 7}  # type: ignore[index]

    request = ladder.judge(headers("tools/call", name="add"), body)

    assert request == Request(1, "tools/call", body["params"], MODERN, {}, "error", 7)  # type: ignore[arg-type]


@pytest.mark.protocol("V-04")
def test_a_legacy_request_without_a_header_is_taken_for_2025_03() -> None:
    request = ladder.judge(RoutingHeaders(), {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

    assert isinstance(request, Request)
    assert request.revision is ASSUMED_LEGACY


@pytest.mark.parametrize(
    ("routing", "body", "error"),
    [
        (headers("nothing"), {"id": None} | modern("nothing") | {"id": None}, errors.InvalidRequest),
        (headers(None), modern() | {"params": {}}, errors.InvalidParams),
        (headers("nothing", version="2099-01-01"), modern("nothing"), errors.HeaderMismatch),
        (headers(version="2099-01-01", method="x"), modern(version="2099-01-01"), errors.HeaderMismatch),
        (headers("nothing", "2099-01-01"), modern("nothing", "2099-01-01"), errors.UnsupportedProtocolVersion),
        (headers("nothing"), modern("nothing"), errors.MethodNotFound),
    ],
)
def test_the_first_rung_that_fails_is_the_answer(
    routing: RoutingHeaders, body: dict[str, object], error: type[errors.McpError]
) -> None:
    with pytest.raises(error):
        ladder.judge(routing, body)


@pytest.mark.protocol("B-03")
def test_a_notification_is_dropped_whatever_its_headers_say() -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled"}

    assert ladder.judge(headers("other", version="2026-07-28", duplicated="mcp-method"), body) == Notification(
        "notifications/cancelled", {}
    )


def test_an_answer_of_a_legacy_client_is_an_answer() -> None:
    assert ladder.judge(headers(version="2025-11-25"), {"jsonrpc": "2.0", "id": 1, "result": {}}) == Reply(1, {}, None)


@pytest.mark.protocol("H-03")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("=?base64?", "=?base64?"),
        ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        ("SGVsbG8=", "SGVsbG8="),
        ("=?base64?SGVsbG8=?=", "Hello"),
        ("=?base64??=", ""),
        ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        ("=?base64?SGVsbG8?=", None),
        ("=?base64?SGVs!!!bG8=?=", None),
        ("=?base64?/w==?=", None),
        ("=?base64?SGVsbG9=?=", None),
        ("=?base64?=", "=?base64?="),
    ],
)
def test_a_header_value_is_decoded_strictly(text: str, value: str | None) -> None:
    assert ladder.decode_header_value(text) == value


@given(st.text())
def test_any_text_survives_a_header(text: str) -> None:
    encoded = f"=?base64?{base64.b64encode(text.encode(errors='ignore')).decode()}?="

    assert ladder.decode_header_value(encoded) == text.encode(errors="ignore").decode()


@given(st.sampled_from([None, *SUPPORTED, "x"]), JSON | ALMOST)
def test_any_json_is_judged_or_refused(version: str | None, body: object) -> None:
    routing = RoutingHeaders(version=version)

    try:
        outcome: object = ladder.judge(routing, body)
    except errors.McpError as error:
        outcome = error.code

    assert isinstance(outcome, (Request, Notification, Reply)) or outcome in CODES


@pytest.mark.protocol("B-01")
@pytest.mark.parametrize("body", [None, [], {}, {"id": None}, {"id": True}, {"id": 1.5}, {"id": []}])
def test_an_id_that_is_none_is_not_echoed(body: object) -> None:
    assert ladder.readable_id(body) is None


@pytest.mark.protocol("V-02")
@pytest.mark.parametrize("requested", ["2026-07-28", "x", None, 7, {}])
def test_an_unknown_version_is_answered_with_our_latest_legacy_one(requested: object) -> None:
    assert negotiate(requested) is LATEST_LEGACY
