"""HTTP APIs that misbehave, over real sockets: what callers are told, and what is never sent twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from mcp_runtime.connectors import outbound
from mcp_runtime.connectors.breaker import FAILURES
from mcp_runtime.connectors.openapi import Apis
from mcp_runtime.ports.apis import Api, Operation, Parameter
from mcp_runtime.ports.memory import MemorySecrets
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError

HERE = ("127.0.0.0/8",)
ID = Parameter(name="id", place="path", style="simple", explode=False, required=True)
TOOLS = {
    "read": Operation("GET", "/x"),
    "write": Operation("POST", "/x"),
    "one": Operation("GET", "/x/{id}", parameters={"id": ID}),
    "away": Operation("GET", "@elsewhere.example/x"),
}


@pytest.fixture
async def apis() -> AsyncIterator[Apis]:
    apis = Apis(MemorySecrets(), networks=HERE)
    yield apis
    await apis.aclose()


class Wire:
    """A server of bytes: writes down what it gets, gives each connection its answer and closes it, or goes silent."""

    def __init__(self, *answers: bytes, silent: bool = False) -> None:
        self.answers = list(answers)
        self.silent = silent
        self.got: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.got.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answers.pop(0))
            await writer.drain()
            if self.silent:
                await reader.read()  # until the other side gives up
        writer.close()


@asynccontextmanager
async def wire(*answers: bytes, silent: bool = False) -> AsyncIterator[Wire]:
    spoken = Wire(*answers, silent=silent)
    server = await asyncio.start_server(spoken.serve, "127.0.0.1", 0)
    async with server:
        spoken.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield spoken


def ok(body: bytes = b'{"fine":true}', *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in (*headers, b"content-type: application/json"))
    return b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: %d\r\n\r\n" % len(body) + body


async def call(
    apis: Apis, url: str, tool: str = "read", seconds: float = 5.0, meta: object = None, **arguments: object
) -> Any:
    api = Api("ten_1", "srv_1", "rev_1", url, tools=TOOLS, seconds=seconds)
    params = msgspec.Raw(msgspec.json.encode({"name": tool, "arguments": arguments, "_meta": meta or {}}))
    caller = Caller(request_id="req_1", subject="usr_1", client_id="cli")
    return msgspec.json.decode(await apis.upstream(api).call("tools/call", params, caller=caller))


async def refused(apis: Apis, url: str, tool: str = "read", seconds: float = 5.0) -> str:
    with pytest.raises(McpError) as caught:
        await call(apis, url, tool, seconds)
    assert "127.0.0.1" not in str(caught.value.as_object())
    data: Any = caught.value.data
    return str(data["code"])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ok(b"x" * 100_000), "upstream_too_large"),
        (ok(b"zip", b"content-encoding: gzip"), "upstream_too_large"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "upstream_failed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "upstream_failed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nless", "upstream_failed"),
    ],
)
async def test_an_answer_that_is_none_is_told_as_such(
    apis: Apis, monkeypatch: pytest.MonkeyPatch, answer: bytes, code: str
) -> None:
    monkeypatch.setattr(outbound, "MAX_BYTES", 64 * 1024)

    async with wire(answer, answer) as spoken:
        told = await refused(apis, spoken.url)

    assert told == code


async def test_an_api_that_hangs_is_given_up(apis: Apis) -> None:
    async with wire(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", silent=True) as spoken:
        assert await refused(apis, spoken.url, seconds=0.2) == "upstream_timeout"


async def test_reading_is_repeated_when_the_connection_broke_and_writing_is_not(apis: Apis) -> None:
    async with wire(b"", ok()) as spoken:
        assert (await call(apis, spoken.url))["structuredContent"] == {"fine": True}
        assert len(spoken.got) == 2
    async with wire(b"", ok()) as spoken:
        assert await refused(apis, spoken.url, "write") == "upstream_failed"
        assert len(spoken.got) == 1


async def test_a_path_that_leads_to_another_host_is_not_followed(apis: Apis) -> None:
    async with wire(ok()) as spoken:
        assert await refused(apis, spoken.url, "away") == "upstream_failed"
        assert spoken.got == []


async def test_an_argument_that_climbs_is_refused_before_it_is_sent(apis: Apis) -> None:
    async with wire(ok()) as spoken:
        answer = await call(apis, spoken.url, "one", id="../admin")
        assert spoken.got == []

    assert answer["isError"] is True
    assert "one segment" in answer["content"][0]["text"]


async def test_json_that_is_none_is_text(apis: Apis) -> None:
    async with wire(ok(b"[" * 50_000)) as spoken:
        answer = await call(apis, spoken.url)

    assert answer["content"][0]["text"].startswith("[[[")
    assert "structuredContent" not in answer


async def test_an_api_that_is_away_is_left_alone_for_a_while(apis: Apis) -> None:
    codes = [await refused(apis, "http://127.0.0.1:9") for _ in range(FAILURES + 1)]

    assert codes == ["upstream_failed"] * FAILURES + ["upstream_paused"]


async def test_an_api_is_told_the_trace_of_the_call(apis: Apis) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with wire(ok()) as spoken:
        await call(apis, spoken.url, meta={"traceparent": traceparent})

    assert f"\r\ntraceparent: {traceparent}\r\n".encode() in spoken.got[0]


@pytest.mark.protocol("M-02")
async def test_a_trace_that_is_none_does_not_become_a_header(apis: Apis) -> None:
    async with wire(ok()) as spoken:
        await call(apis, spoken.url, meta={"traceparent": "x\r\nhost: elsewhere"})

    assert b"traceparent" not in spoken.got[0]
