"""The gateway's end of a worker's socket, against a worker that this test plays."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from mcp_runtime.ports.sandboxes import (
    CallTimedOut,
    CallTooLarge,
    SandboxError,
    UpstreamError,
    WorkerDied,
    WorkerMisbehaved,
)
from mcp_runtime.ports.workers import Caller
from mcp_runtime.sandbox import rpc
from mcp_runtime.sandbox.guest import frames
from mcp_runtime.sandbox.guest.frames import Frame, Kind
from mcp_runtime.sandbox.rpc import WorkerConnection
from tests.support import wait_until_async

CALLER = Caller(request_id="req_1", subject="key_ada", client_id="key_ada")
NOTHING = msgspec.Raw(b"{}")


class Played:
    """Both ends of one socket: the connection under test, and the worker's side in our hands."""

    def __init__(self, worker: socket.socket) -> None:
        self.worker = worker
        self.faults: list[SandboxError] = []
        self.lost = 0
        self.connection: WorkerConnection

    def on_lost(self) -> None:
        self.lost += 1

    def call(self, *, seconds: float = 5.0, **options: object) -> asyncio.Task[msgspec.Raw]:
        call = self.connection.call("tools/call", NOTHING, CALLER, seconds=seconds, **options)  # type: ignore[arg-type]
        return asyncio.create_task(call)

    async def frame(self) -> Frame:
        """The next frame that the worker receives."""
        loop = asyncio.get_running_loop()
        head = await self._exactly(4)
        return frames.decode(await self._exactly(struct.unpack(">I", head)[0], loop))

    async def _exactly(self, count: int, loop: asyncio.AbstractEventLoop | None = None) -> bytes:
        loop = loop or asyncio.get_running_loop()
        data = b""
        while len(data) < count:
            part = await loop.sock_recv(self.worker, count - len(data))
            assert part, "the connection was closed"
            data += part
        return data

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.worker, data)


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    played = Played(theirs)
    played.connection = await WorkerConnection.connect(ours, played.faults.append, played.on_lost)
    yield played
    played.connection.fail(WorkerDied("the test is over"))
    theirs.close()
    await asyncio.sleep(0)


def _frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


async def test_a_result_passes_through_as_it_was_written(played: Played) -> None:
    call = played.call()
    request = await played.frame()

    await played.send(frames.encode(Kind.RESULT, request.id, "", msgspec.Raw(b'{"content": [1,  2]}')))

    assert bytes(await call) == b'{"content": [1,  2]}'
    assert not played.connection.busy


async def test_the_worker_is_told_method_parameters_and_caller(played: Played) -> None:
    call = played.call()

    request = await played.frame()

    payload = msgspec.json.decode(request.payload)
    assert (request.kind, request.method) == (Kind.CALL, "tools/call")
    assert payload["params"] == {}
    assert payload["caller"]["subject"] == "key_ada"
    call.cancel()


async def test_answers_find_their_calls_in_any_order(played: Played) -> None:
    first, second = played.call(), played.call()
    one, two = await played.frame(), await played.frame()

    await played.send(
        frames.encode(Kind.RESULT, two.id, "", {"n": 2}) + frames.encode(Kind.RESULT, one.id, "", {"n": 1})
    )

    assert [bytes(await first), bytes(await second)] == [b'{"n":1}', b'{"n":2}']


async def test_a_json_rpc_error_is_the_servers_own(played: Played) -> None:
    call = played.call()
    request = await played.frame()

    await played.send(frames.encode(Kind.ERROR, request.id, "", {"code": -32602, "message": "no", "data": {"why": 1}}))

    with pytest.raises(UpstreamError) as error:
        await call
    assert (error.value.code, error.value.message, error.value.data) == (-32602, "no", {"why": 1})


async def test_the_text_of_an_error_is_cut(played: Played) -> None:
    call = played.call()
    request = await played.frame()

    await played.send(frames.encode(Kind.ERROR, request.id, "", {"code": -32603, "message": "x" * 50_000}))

    with pytest.raises(UpstreamError) as error:
        await call
    assert len(error.value.message) == 4096


async def test_arguments_over_the_limit_are_refused_before_they_are_sent(played: Played) -> None:
    params = msgspec.Raw(b'{"x": "' + b"x" * frames.MAX_FRAME + b'"}')

    with pytest.raises(CallTooLarge, match="8388608"):
        await played.connection.call("tools/call", params, CALLER, seconds=5.0)

    assert played.connection.usable


async def test_events_reach_the_caller_of_their_call(played: Played) -> None:
    events: list[tuple[str, bytes]] = []
    call = played.call(on_event=lambda method, params: events.append((method, bytes(params))))
    request = await played.frame()

    await played.send(
        frames.encode(Kind.PROGRESS, request.id, "", {"progress": 1})
        + frames.encode(Kind.LOG, request.id, "", {"level": "info", "data": "hello"})
        + frames.encode(Kind.RESULT, request.id, "", {})
    )
    await call

    assert events == [
        ("notifications/progress", b'{"progress":1}'),
        ("notifications/message", b'{"level":"info","data":"hello"}'),
    ]


async def test_events_over_the_limit_are_dropped_and_counted(played: Played) -> None:
    events: list[bytes] = []
    call = played.call(on_event=lambda _, params: events.append(bytes(params)))
    request = await played.frame()

    await played.send(frames.encode(Kind.LOG, request.id, "", {"data": 1}) * 1000)
    await played.send(frames.encode(Kind.LOG, request.id, "", {"data": "x" * 70_000}))
    await played.send(frames.encode(Kind.RESULT, request.id, "", {}))
    await call

    assert len(events) <= 2 * rpc.EVENTS_PER_SECOND  # the test may run across the turn of a second
    assert len(events) + played.connection.dropped_events == 1001


async def test_a_question_is_put_and_its_answer_returned(played: Played) -> None:
    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        return msgspec.Raw(b'{"you asked":"' + method.encode() + b'"}')

    call = played.call(asker=asker)
    request = await played.frame()
    await played.send(frames.encode(Kind.CALLBACK, request.id, "elicitation/create", (7, {})))

    answer = await played.frame()

    assert (answer.kind, answer.id) == (Kind.CALLBACK_RESULT, request.id)
    assert bytes(answer.payload) == b'[7,{"you asked":"elicitation/create"}]'
    call.cancel()


async def test_the_clock_stands_still_while_a_question_waits(played: Played) -> None:
    answered = asyncio.Event()

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        await answered.wait()
        return NOTHING

    call = played.call(seconds=0.2, asker=asker)
    request = await played.frame()
    await played.send(frames.encode(Kind.CALLBACK, request.id, "elicitation/create", (1, {})))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(call), 0.4)

    answered.set()
    assert (await played.frame()).kind == Kind.CALLBACK_RESULT
    with pytest.raises(CallTimedOut):
        await call


async def test_a_call_that_ends_takes_its_questions_with_it(played: Played) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return NOTHING

    call = played.call(asker=asker)
    request = await played.frame()
    await played.send(frames.encode(Kind.CALLBACK, request.id, "roots/list", (1, {})))
    await asked.wait()

    call.cancel()

    assert (await played.frame()).kind == Kind.CANCEL
    await cancelled.wait()


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("notifications/tools/list_changed", "notifications/tools/list_changed"),
        ("notifications/resources/updated", "notifications/resources/updated"),
        ("", "notifications/message"),
        ("notifications/something", "notifications/message"),
    ],
)
async def test_a_worker_announces_what_it_may_announce(played: Played, said: str, heard: str) -> None:
    events: list[str] = []
    call = played.call(on_event=lambda method, params: events.append(method))
    request = await played.frame()

    await played.send(frames.encode(Kind.LOG, request.id, said, {}))
    await played.send(frames.encode(Kind.RESULT, request.id, "", {}))
    await call

    assert events == [heard]


async def test_a_question_to_nobody_is_refused(played: Played) -> None:
    call = played.call()
    request = await played.frame()
    await played.send(frames.encode(Kind.CALLBACK, request.id, "sampling/createMessage", (1, {})))

    answer = await played.frame()

    assert answer.kind == Kind.CALLBACK_ERROR
    assert msgspec.json.decode(answer.payload)[1]["code"] == -32601
    call.cancel()


async def test_more_questions_than_may_be_open_are_refused(played: Played) -> None:
    never = asyncio.Event()

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        await never.wait()
        return NOTHING

    call = played.call(asker=asker)
    request = await played.frame()
    for number in range(rpc.QUESTIONS_AT_ONCE + 1):
        await played.send(frames.encode(Kind.CALLBACK, request.id, "roots/list", (number, {})))

    answer = await played.frame()

    assert answer.kind == Kind.CALLBACK_ERROR
    assert msgspec.json.decode(answer.payload)[0] == rpc.QUESTIONS_AT_ONCE
    call.cancel()


async def test_the_deadline_ends_the_wait_and_cancels_the_call(played: Played) -> None:
    call = played.call(seconds=0.05)
    request = await played.frame()

    with pytest.raises(CallTimedOut):
        await call
    cancel = await played.frame()

    assert (cancel.kind, cancel.id) == (Kind.CANCEL, request.id)


async def test_a_caller_who_gives_up_cancels_the_call(played: Played) -> None:
    call = played.call()
    request = await played.frame()

    call.cancel()
    cancel = await played.frame()

    assert (cancel.kind, cancel.id) == (Kind.CANCEL, request.id)


@pytest.mark.parametrize("answer", [Kind.CANCELLED, Kind.RESULT])
async def test_a_cancelled_call_that_has_ended_keeps_the_worker(played: Played, answer: Kind) -> None:
    call = played.call(seconds=0.01)
    request = await played.frame()
    await asyncio.gather(call, return_exceptions=True)
    await played.frame()

    await played.send(frames.encode(answer, request.id, "", {}))
    following = played.call()
    request = await played.frame()
    await played.send(frames.encode(Kind.RESULT, request.id, "", {"n": 2}))

    assert bytes(await following) == b'{"n":2}'
    assert played.faults == []


async def test_a_call_that_is_not_given_up_costs_the_worker(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "CANCEL_SECONDS", 0.05)
    innocent = played.call()
    await played.frame()
    call = played.call(seconds=0.01)

    with pytest.raises(CallTimedOut):
        await call
    with pytest.raises(WorkerDied) as died:
        await innocent

    assert died.value.reason == "killed"
    assert [type(fault) for fault in played.faults] == [WorkerDied]
    assert not played.connection.usable


async def test_a_new_call_waits_while_the_worker_has_one_to_give_up(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CANCEL_SECONDS", 0.05)
    await asyncio.gather(played.call(seconds=0.01), return_exceptions=True)

    with pytest.raises(ConnectionError):
        await played.call()

    assert [(await played.frame()).kind for _ in range(2)] == [Kind.CALL, Kind.CANCEL]


HOSTILE = {
    "an empty frame": _frame(b""),
    "an oversized frame": struct.pack(">I", 0xFFFFFFFF),
    "garbage": b"GET / HTTP/1.1\r\n\r\n" + os.urandom(64),
    "no JSON": _frame(b"\xff\xfe{{{"),
    "no array": _frame(b'{"kind": 66}'),
    "a short array": _frame(b"[66]"),
    "deep nesting": _frame(b'[66,1,"",' + b"[" * 100_000 + b"]" * 100_000 + b"]"),
    "text that is not UTF-8": _frame(b'[66,1,"",{"a":"\xff"}]'),
    "a kind of the other direction": _frame(b'[2,1,"tools/call",{}]'),
    "an unknown kind": _frame(b'[200,1,"",{}]'),
    "a foreign call": _frame(b'[66,4711,"",{}]'),
    "a negative call": _frame(b'[66,-1,"",{}]'),
    "a huge call": _frame(b"[66," + b"9" * 4000 + b',"",{}]'),
    "an acknowledgement of nothing": _frame(b'[72,1,"",null]'),
    "READY again": _frame(b'[65,0,"",{}]'),
    "a result that is no object": _frame(b'[66,1,"",[1]]'),
    "an error that is none": _frame(b'[67,1,"",{"code":{}}]'),
    "an error of an unknown sort": _frame(b'[67,1,"",{"code":"load_failed","message":"x"}]'),
    "a question that is none": _frame(b'[68,1,"roots/list",{}]'),
    "a pong": _frame(b'[71,0,"",null]'),
}


@pytest.mark.parametrize("what", list(HOSTILE))
async def test_hostile_bytes_cost_the_worker(played: Played, what: str) -> None:
    call = played.call()
    await played.frame()

    await played.send(HOSTILE[what])

    with pytest.raises(WorkerMisbehaved):
        await call
    assert [type(fault) for fault in played.faults] == [WorkerMisbehaved]
    assert played.lost == 0


async def test_a_frame_that_is_never_finished_costs_the_worker(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "PARTIAL_FRAME_SECONDS", 0.05)
    call = played.call()
    await played.frame()

    await played.send(struct.pack(">I", 1000) + b"[66,")

    with pytest.raises(WorkerMisbehaved, match="finished"):
        await call


async def test_a_worker_that_does_not_read_costs_itself(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "STALL_SECONDS", 0.1)
    params = msgspec.Raw(b'{"x": "' + b"x" * 3_000_000 + b'"}')

    calls = [asyncio.create_task(played.connection.call("tools/call", params, CALLER, seconds=5.0)) for _ in range(20)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} <= {WorkerMisbehaved, ConnectionError}
    assert [type(fault) for fault in played.faults] == [WorkerMisbehaved]


async def test_a_flood_leaves_turns_for_everybody_else(played: Played) -> None:
    call = played.call()
    request = await played.frame()
    flood = frames.encode(Kind.LOG, request.id, "", {"data": "x"}) * 20_000
    turns = 0

    sending = asyncio.create_task(played.send(flood + frames.encode(Kind.RESULT, request.id, "", {})))
    while not call.done():
        await asyncio.sleep(0)
        turns += 1

    await sending
    assert turns >= 20_000 / 64


async def test_the_end_of_the_socket_is_told_once_and_calls_fail_with_the_reason(played: Played) -> None:
    call = played.call()
    await played.frame()
    played.worker.close()
    await wait_until_async(lambda: played.lost)

    played.connection.fail(WorkerDied("It ran out of memory.", reason="oom"))

    with pytest.raises(WorkerDied, match="memory") as died:
        await call
    assert died.value.reason == "oom"
    assert played.lost == 1


async def test_nothing_is_sent_over_a_lost_connection(played: Played) -> None:
    played.worker.close()
    await wait_until_async(lambda: played.lost)

    with pytest.raises(ConnectionError):
        await played.call()
