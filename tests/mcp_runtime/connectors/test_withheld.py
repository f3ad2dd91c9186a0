"""Arguments that an endpoint fixes or hides."""

from __future__ import annotations

from typing import Any

import msgspec

from mcp_runtime.connectors.python import PythonUpstream
from mcp_runtime.connectors.withheld import WithheldArguments
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.sandboxes import EventSink
from mcp_runtime.ports.workers import Caller, Worker

WORKER = Worker(tenant_id="ten_1", server_id="srv_1", revision_id="rev_1", code="c", entrypoint="server.py")


async def call(arguments: dict[str, object], *, fixed: dict[str, object], hidden: tuple[str, ...] = ()) -> Any:
    """The arguments that reach the worker, or what the client is told instead."""

    async def echo(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
        return msgspec.json.decode(params)

    upstream = WithheldArguments(PythonUpstream(WORKER, MemorySandboxes(srv_1=echo)), fixed=fixed, hidden=hidden)
    params = msgspec.Raw(msgspec.json.encode({"name": "get", "arguments": arguments, "_meta": {"a": 1}}))
    caller = Caller(request_id="req_1", subject="usr_1", client_id="cli")
    return msgspec.json.decode(await upstream.call("tools/call", params, caller=caller))


async def test_a_fixed_argument_is_added_to_what_the_client_sends() -> None:
    seen = await call({"city": "Lima"}, fixed={"unit": "c", "limits": {"days": 3}})

    assert seen == {
        "name": "get",
        "arguments": {"city": "Lima", "unit": "c", "limits": {"days": 3}},
        "_meta": {"a": 1},
    }


async def test_a_client_cannot_send_what_is_fixed() -> None:
    told = await call({"unit": "f"}, fixed={"unit": "c"})

    assert told["isError"] is True
    assert "'unit'" in told["content"][0]["text"]


async def test_a_client_cannot_send_what_is_hidden() -> None:
    told = await call({"debug": True}, fixed={}, hidden=("debug",))

    assert told["isError"] is True


async def test_numbers_of_any_length_arrive_as_they_were_sent() -> None:
    seen = await call({"id": 12345678901234567890123}, fixed={"unit": "c"})

    assert seen["arguments"]["id"] == 12345678901234567890123
