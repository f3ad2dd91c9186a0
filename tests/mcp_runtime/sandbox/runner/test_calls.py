"""Calls through a runner into real workers."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
import pytest

from mcp_runtime.ports.sandboxes import CallTimedOut, CallTooLarge, Overloaded, UpstreamError
from mcp_runtime.ports.workers import Caller, Worker
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call
from tests.mcp_runtime.sandbox.runner.conftest import SERVER
from tests.support import wait_until_async

CALLER = Caller(request_id="req_1", subject="key_ada", client_id="key_ada", progress=True, log_level="debug")


def limited(worker: Worker, **limits: float) -> Worker:
    return msgspec.structs.replace(worker, limits=msgspec.structs.replace(worker.limits, **limits))


async def test_a_tool_answers_with_its_result(client: RunnerClient, worker: Worker) -> None:
    assert await call(client, worker, "add", a=1, b=2) == 3


async def test_resources_and_prompts_are_served(client: RunnerClient, worker: Worker) -> None:
    fact = await client.call(worker, "resources/read", msgspec.Raw(b'{"uri":"data://fact"}'), caller=CALLER)
    greeting = await client.call(
        worker, "prompts/get", msgspec.Raw(b'{"name":"greet","arguments":{"name":"Ada"}}'), caller=CALLER
    )

    assert b"water is wet" in bytes(fact)
    assert b"Greet Ada." in bytes(greeting)


async def test_calls_run_at_the_same_time(client: RunnerClient, worker: Worker) -> None:
    answers = await asyncio.gather(*(call(client, worker, "meet", parties=20) for _ in range(20)))

    assert answers == [20] * 20


async def test_calls_share_one_worker_which_entered_its_lifespan_once(client: RunnerClient, worker: Worker) -> None:
    identities = await asyncio.gather(*(call(client, worker, "identity") for _ in range(10)))

    assert all(identity == identities[0] for identity in identities)
    assert identities[0].count("once") == 1  # type: ignore[attr-defined]


async def test_the_module_is_no_script(client: RunnerClient, worker: Worker) -> None:
    identity = await call(client, worker, "identity")

    _, _, module, program, _ = cast(list[str], identity)
    assert module == "server"
    assert program.endswith("/server.py")


async def test_log_and_progress_arrive_before_the_result(client: RunnerClient, worker: Worker) -> None:
    events: list[tuple[str, bytes]] = []

    await client.call(
        worker, "tools/call", msgspec.Raw(b'{"name":"talk","arguments":{"count":3}}'), caller=CALLER,
        on_event=lambda method, params: events.append((method, bytes(params))),
    )  # fmt: skip

    assert [method for method, _ in events] == ["notifications/message", "notifications/progress"] * 3
    assert b"message 0" in events[0][1]
    assert events[1][1] == b'{"progress":0,"total":3}'


async def test_a_background_task_that_outlives_its_call_harms_nobody(client: RunnerClient, worker: Worker) -> None:
    raw = await client.call(worker, "tools/call", msgspec.Raw(b'{"name":"background"}'), caller=CALLER)

    assert b"left" in bytes(raw)
    for _ in range(20):
        assert await call(client, worker, "echo", text="fine") == "fine"
        await asyncio.sleep(0.005)


async def test_an_unknown_tool_is_the_servers_own_error(client: RunnerClient, worker: Worker) -> None:
    with pytest.raises(UpstreamError) as error:
        await call(client, worker, "nobody")

    assert error.value.code == -32602


@pytest.mark.parametrize("tool", ["leave_politely", "give_up"])
async def test_a_tool_that_fails_oddly_fails_alone(client: RunnerClient, worker: Worker, tool: str) -> None:
    before = await call(client, worker, "identity")

    with pytest.raises((UpstreamError, AssertionError)):
        await call(client, worker, tool)

    assert await call(client, worker, "identity") == before


async def test_a_result_over_the_limit_is_refused_and_the_worker_kept(client: RunnerClient, worker: Worker) -> None:
    before = await call(client, worker, "identity")

    with pytest.raises(CallTooLarge, match="8388608"):
        await call(client, worker, "large", megabytes=10)

    assert await call(client, worker, "identity") == before


async def test_a_large_result_within_the_limit_arrives(client: RunnerClient, worker: Worker) -> None:
    text = await call(client, worker, "large", megabytes=3)

    assert isinstance(text, str)
    assert len(text) == 3 * 1024 * 1024


async def test_cancelling_a_call_cancels_the_tool(client: RunnerClient, worker: Worker) -> None:
    before = await call(client, worker, "identity")
    waiting = asyncio.create_task(call(client, worker, "wait"))
    await wait_until_async(lambda: _is(client, worker, "endings", ["begun"]))

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await wait_until_async(lambda: _is(client, worker, "endings", ["begun", "over"]))
    assert await call(client, worker, "identity") == before


@pytest.mark.parametrize("tool", ["compute", "compute_in_thread"])
async def test_a_python_loop_is_stopped_at_the_deadline_and_the_worker_kept(
    client: RunnerClient, worker: Worker, tool: str
) -> None:
    worker = limited(worker, call_seconds=1.0)
    before = await call(client, worker, "identity")

    with pytest.raises(CallTimedOut):
        await call(client, worker, tool)

    assert await call(client, worker, "identity") == before


@pytest.mark.parametrize("tool", ["sleep", "block"])
async def test_what_cannot_be_stopped_costs_the_worker_and_the_next_call_gets_another(
    client: RunnerClient, worker: Worker, tool: str
) -> None:
    worker = limited(worker, call_seconds=1.0)
    before = await call(client, worker, "identity")

    with pytest.raises(CallTimedOut):
        await call(client, worker, tool, seconds=600)

    assert await call(client, worker, "identity") != before


async def test_calls_beyond_the_queue_are_refused_at_once(client: RunnerClient, worker: Worker) -> None:
    worker = limited(worker, calls_in_flight=2, calls_queued=2)
    calls = [asyncio.create_task(call(client, worker, "wait")) for _ in range(4)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await call(client, worker, "echo", text="too many")

    for waiting in calls:
        waiting.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert await call(client, worker, "echo", text="room again") == "room again"


@pytest.mark.parametrize("tool", ["noise", "raw_noise"])
async def test_printing_a_great_deal_is_bounded(
    lab: Laboratory, client: RunnerClient, worker: Worker, tool: str
) -> None:
    size = lab.log.stat().st_size
    neighbour = lab.worker({"server.py": SERVER}, name="quiet neighbour")

    printing = asyncio.create_task(call(client, worker, tool, megabytes=64))
    while not printing.done():
        async with asyncio.timeout(10):
            await call(client, neighbour, "echo", text="here")

    assert await printing == 64
    assert lab.log.stat().st_size - size < 16 * 1024 * 1024


async def _is(client: RunnerClient, worker: Worker, tool: str, expected: object) -> bool:
    return await call(client, worker, tool) == expected
