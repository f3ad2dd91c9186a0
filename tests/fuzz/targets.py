"""What is fuzzed: functions that take any bytes, and raise for what must not become of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec

from mcp_runtime.protocol import codec, ladder
from mcp_runtime.protocol.errors import McpError, ParseError
from mcp_runtime.protocol.versions import META
from tests.fuzz.front_door import FrontDoor

Target: TypeAlias = Callable[[bytes], None]

MODERN = "2026-07-28"


def _request(method: str, params: dict[str, object]) -> bytes:
    meta = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {"elicitation": {}}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}).encode()


BODIES = (
    b'{"a":[1,-2.5e3,"\\u00e9\\ud83d\\ude00",true,null,{"b":{}}],"c":":"}',
    b"[18446744073709551615,-9223372036854775808]",
    _request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}),
    b'{"jsonrpc":"2.0","id":"x","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}',
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]',
    b'{"jsonrpc":"2.0","id":1,"result":{}}',
)
REQUESTS = (
    b"POST mcp\nmcp-protocol-version: 2026-07-28\nmcp-method: tools/call\nmcp-name: add\n\n" + BODIES[2],
    b"POST mcp\nmcp-protocol-version: 2026-07-28\nmcp-method: tools/list\n\n" + _request("tools/list", {"cursor": "x"}),
    b"POST mcp\nmcp-protocol-version: 2026-07-28\nmcp-method: subscriptions/listen\n\n"
    + _request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}),
    b"POST mcp\nmcp-protocol-version: 2025-11-25\n\n" + BODIES[3],
    b"POST mcp\nmcp-protocol-version: 2025-03-26\n\n" + BODIES[4],
    b"GET mcp\nmcp-session-id: x\nlast-event-id: 1\n\n",
    b"GET sse\n\n",
    b"POST messages?session_id=x\n\n" + BODIES[5],
)


@contextmanager
def codec_target() -> Iterator[Target]:
    """Bytes are refused, or read as the standard library reads them, and written so that they are read again."""
    yield _read


@contextmanager
def gateway_target() -> Iterator[Target]:
    """`METHOD DOOR`, headers and an empty line, then the body: answered, and never with a fault of ours."""
    with FrontDoor() as door:

        def ask(data: bytes) -> None:
            head, _, body = data.partition(b"\n\n")
            first, *lines = head.split(b"\n")
            method, _, where = first.decode("latin-1").partition(" ")
            name, _, query = where.partition("?")
            pairs = (line.partition(b":") for line in lines[:20])
            headers = [(key.strip().lower(), value.strip()) for key, _, value in pairs]
            status, _ = door.ask(
                body,
                headers,
                method=method,
                door=name if name in ("sse", "messages") else "mcp",
                query=query.encode("latin-1"),
            )
            if status is not None and status >= 500:
                raise AssertionError(f"The gateway answered with {status}.")

        yield ask


def _read(data: bytes) -> None:
    try:
        value = codec.read(data)
    except ParseError:
        return
    if value != json.loads(data, object_pairs_hook=_no_key_twice, parse_constant=_no_constant):
        raise AssertionError("Another reader reads something else.")
    if codec.read(codec.write(value)) != value:
        raise AssertionError("What is written is not what was read.")
    if codec.read(bytes(codec.sound(msgspec.Raw(data)))) != value:
        raise AssertionError("Passing it on changes it.")
    _judge(value)


def _judge(value: object) -> None:
    """Both ladders take it, or refuse it with an error of the protocol."""
    single = value if isinstance(value, dict) else {}
    params = single.get("params")
    named = params if isinstance(params, dict) else {}
    method, name = single.get("method"), named.get("name", named.get("uri"))
    repeated = ladder.RoutingHeaders(
        version=MODERN,
        method=method if isinstance(method, str) else None,
        name=name if isinstance(name, str) else None,
    )
    for headers in (ladder.RoutingHeaders(), ladder.RoutingHeaders(version="2025-03-26"), repeated):
        try:
            if isinstance(value, list):
                for message in ladder.batch(headers, value):
                    ladder.judge(headers, message)
            else:
                ladder.judge(headers, value)
        except McpError as error:
            codec.write(error.as_object())


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise AssertionError("The same key twice was let through.")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} was let through.")


TARGETS = {"codec": (codec_target, BODIES), "gateway": (gateway_target, REQUESTS)}
"""By name, with the inputs to begin from."""
