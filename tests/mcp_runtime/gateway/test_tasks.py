"""Calls that go on in the background (PROTOCOL 4.2), in both generations, with the tasks of one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.ports.sandboxes import Asker, EventSink, UpstreamError
from mcp_runtime.ports.tasks import MAX_RESULT_BYTES
from mcp_runtime.ports.workers import Caller
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.test_listening import SUBSCRIPTION, listening
from tests.mcp_runtime.gateway.test_sessions import Client, Pair, connect, events
from tests.mcp_runtime.gateway.world import ADA, BEN, META, World, tool
from tests.support.waiting import wait_until_async

EXTENSION = f"{META}tasks"
DECLARED: dict[str, object] = {"extensions": {EXTENSION: {}}, "elicitation": {}}
FORM = {
    "message": "Sure?",
    "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
}
YES = {"action": "accept", "content": {"ok": True}}


class Jobs:
    """Tools that take their time."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.ended = asyncio.Event()
        self.callers: list[Caller] = []
        self.metas: list[dict[str, object]] = []

    async def __call__(
        self, method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink, asker: Asker | None
    ) -> object:
        given = msgspec.json.decode(params)
        self.callers.append(caller)
        self.metas.append(given.get("_meta", {}))
        match given["name"]:
            case "slow" | "job":
                on_event("notifications/progress", _raw({"progress": 1, "total": 2, "message": "halfway"}))
                try:
                    await self.go_on.wait()
                finally:
                    self.ended.set()
            case "breaks":
                raise UpstreamError(-32000, "It broke.")
            case "refuses":
                return {"content": [{"type": "text", "text": "No."}], "isError": True}
            case "huge":
                return {"content": [{"type": "text", "text": "x" * MAX_RESULT_BYTES}]}
            case "confirm":
                assert asker is not None
                answers = [await asker("elicitation/create", _raw({**FORM, "message": m})) for m in given["arguments"]]
                return {"content": [{"type": "text", "text": str(len(answers))}]}
            case "asks_first":
                if "ok" not in given.get("inputResponses", {}):
                    question = {"method": "elicitation/create", "params": FORM}
                    return {"resultType": "input_required", "inputRequests": {"ok": question}, "requestState": "mine"}
                return {"content": [{"type": "text", "text": f"{given['requestState']} in {caller.task is not None}"}]}
        return {"content": [{"type": "text", "text": "done"}], "structuredContent": {"done": True}}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def world(jobs: Jobs) -> World:
    made = the_world.build()
    made.sandboxes.asking["srv"] = jobs
    document = the_world.plan("weather", "ep_weather")
    optional, required = {"taskSupport": "optional"}, {"taskSupport": "required"}
    strict: dict[str, object] = {"type": "object", "additionalProperties": False}
    tools = (
        tool("plain"),
        *(tool(name, execution=optional) for name in ("slow", "breaks", "refuses", "huge", "confirm")),
        tool("strict", strict, member=1, execution=optional),
        tool("job", execution=required),
        tool("asks_first", execution={**required, "asksFirst": True, "pollInterval": 250}),
    )
    made.catalogue.publish(msgspec.structs.replace(document, tools=tools, version=2))
    return made


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    async with opened(world, tasks=True) as door:
        yield door


async def modern(door: Door, method: str, capabilities: object = DECLARED, **options: Any) -> dict[str, Any]:
    answer = await door.modern(
        method, options.pop("params"), meta={f"{META}clientCapabilities": capabilities}, **options
    )
    decoded: dict[str, Any] = answer.json()
    return {**decoded, "http": answer.status_code}


async def call(door: Door, name: str, arguments: object = None, **params: object) -> dict[str, Any]:
    return await modern(door, "tools/call", params={"name": name, "arguments": arguments or {}, **params})


async def get(door: Door, task_id: str, **options: Any) -> dict[str, Any]:
    return await modern(door, "tasks/get", params={"taskId": task_id}, **options)


async def until(door: Door, task_id: str, status: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        found: dict[str, Any] = (await get(door, task_id))["result"]
        return found if found["status"] == status else None

    found: dict[str, Any] = await wait_until_async(reached)
    return found


# 2026-07-28.


@pytest.mark.protocol("TK-01", "TK-02", "TK-09")
async def test_a_call_becomes_a_task_that_can_be_read_at_once_and_has_its_result_in_the_end(
    door: Door, jobs: Jobs
) -> None:
    made = (await call(door, "slow"))["result"]
    seen = await until(door, made["taskId"], "working")
    jobs.go_on.set()
    done = await until(door, made["taskId"], "completed")

    assert made["resultType"] == "task"
    assert made.keys() == {
        "resultType", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs", "_meta",
    }  # fmt: skip
    assert seen["resultType"] == done["resultType"] == "complete"
    assert done["result"]["structuredContent"] == {"done": True}
    assert "error" not in done
    assert jobs.callers[0].task == made["taskId"]
    assert jobs.callers[0].progress is True


@pytest.mark.protocol("TK-01")
async def test_a_client_that_knows_no_tasks_waits_for_its_call(door: Door, jobs: Jobs) -> None:
    jobs.go_on.set()

    answer = await modern(door, "tools/call", {}, params={"name": "slow", "arguments": {}})

    assert answer["result"]["resultType"] == "complete"
    assert jobs.callers[0].task is None
    assert jobs.callers[0].seconds == 3600.0


@pytest.mark.protocol("TK-01")
async def test_a_tool_that_must_be_a_task_refuses_a_client_that_knows_none(door: Door) -> None:
    answer = await modern(door, "tools/call", {}, params={"name": "job", "arguments": {}})

    assert answer["http"] == 400
    assert answer["error"]["code"] == -32021
    assert answer["error"]["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


@pytest.mark.protocol("TK-04")
async def test_a_tool_without_tasks_answers_whatever_the_client_sends_along(door: Door) -> None:
    answer = await call(door, "plain", task={"ttl": 1000})

    assert answer["result"]["resultType"] == "complete"


@pytest.mark.protocol("X-10", "T-08")
async def test_an_endpoint_declares_tasks_where_it_has_some(door: Door) -> None:
    here = (await door.modern("server/discover")).json()["result"]["capabilities"]
    elsewhere = (await door.modern("server/discover", path="/t/acme/other/mcp")).json()["result"]["capabilities"]
    tools = (await door.modern("tools/list")).json()["result"]["tools"]

    assert here["extensions"] == {EXTENSION: {}}
    assert "tasks" not in here
    assert "extensions" not in elsewhere
    assert all("execution" not in one for one in tools)


@pytest.mark.protocol("TK-03", "TK-08")
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_foreign_task_is_answered_like_one_that_never_was(door: Door, method: str) -> None:
    made = (await call(door, "slow"))["result"]["taskId"]

    def asked(task_id: str, **options: Any) -> Any:
        return modern(door, method, params={"taskId": task_id, "inputResponses": {}}, **options)

    foreign = await asked(made, token=BEN)
    elsewhere = await asked(made, path="/t/acme/other/mcp")
    unknown = await asked("tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ")

    assert foreign["error"] == elsewhere["error"] == unknown["error"]
    assert unknown["error"]["code"] == -32602
    assert "error" not in await asked(made)


@pytest.mark.protocol("TK-04")
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_who_does_not_declare_the_extension_may_ask_nothing_of_tasks(door: Door, method: str) -> None:
    answer = await modern(door, method, {}, params={"taskId": "tsk_1", "inputResponses": {}})

    assert (answer["http"], answer["error"]["code"]) == (400, -32021)


@pytest.mark.protocol("V-11")
@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_what_the_extension_dropped_is_no_method(door: Door, method: str) -> None:
    answer = await modern(door, method, params={"taskId": "tsk_1"})

    assert (answer["http"], answer["error"]["code"]) == (404, -32601)


@pytest.mark.protocol("TK-07", "H-02")
async def test_a_header_may_name_no_other_task(door: Door) -> None:
    task_id = (await call(door, "slow"))["result"]["taskId"]
    wrong = await get(door, task_id, mcp_name="tsk_2")
    missing = await get(door, task_id, mcp_name="")

    assert wrong["error"]["code"] == -32020
    assert missing["result"]["taskId"] == task_id


@pytest.mark.parametrize("task_id", [7, None, ["tsk_1"]])
async def test_a_task_id_that_is_no_text_is_refused(door: Door, task_id: object) -> None:
    answer = await modern(door, "tasks/get", params={"taskId": task_id})

    assert answer["error"]["code"] in (-32602, -32020)


async def test_an_endless_task_id_is_unknown(door: Door) -> None:
    made = "tsk_" + "1" * 7_000  # what headers can carry

    assert (await get(door, made))["error"]["message"] == "There is no such task."


async def test_a_cancelled_task_ends_its_tool_and_stays_cancelled(door: Door, jobs: Jobs) -> None:
    made = (await call(door, "slow"))["result"]["taskId"]
    await wait_until_async(lambda: jobs.callers)

    first = await modern(door, "tasks/cancel", params={"taskId": made})
    await wait_until_async(jobs.ended.is_set)
    again = await modern(door, "tasks/cancel", params={"taskId": made})

    assert first["result"].keys() == again["result"].keys() == {"resultType", "_meta"}
    assert (await get(door, made))["result"]["status"] == "cancelled"


async def test_an_error_of_the_tool_is_a_result_and_one_of_the_protocol_a_failure(door: Door) -> None:
    refused = await until(door, (await call(door, "refuses"))["result"]["taskId"], "completed")
    failed = await until(door, (await call(door, "breaks"))["result"]["taskId"], "failed")

    assert refused["result"]["isError"] is True
    assert failed["error"]["message"] == "It broke."
    assert "result" not in failed


async def test_a_result_that_is_too_large_to_be_kept_fails_its_task_and_says_the_limit(door: Door) -> None:
    made = (await call(door, "huge"))["result"]
    failed = await until(door, made["taskId"], "failed")

    assert failed["error"]["code"] == -32602
    assert str(MAX_RESULT_BYTES) in failed["error"]["message"]


async def test_answers_to_a_task_that_is_over_change_nothing(door: Door) -> None:
    task_id = (await call(door, "refuses"))["result"]["taskId"]
    before = await until(door, task_id, "completed")
    answered = await modern(door, "tasks/update", params={"taskId": task_id, "inputResponses": {"0": YES}})

    assert answered["result"]["resultType"] == "complete"
    assert await until(door, task_id, "completed") == before


async def test_arguments_are_judged_before_there_is_a_task(door: Door) -> None:
    answer = await call(door, "strict", {"unknown": 1})

    assert answer["result"]["resultType"] == "complete"
    assert answer["result"]["isError"] is True


@pytest.mark.protocol("TK-05")
async def test_a_task_asks_one_thing_after_another_and_never_with_the_same_key(door: Door) -> None:
    made = (await call(door, "confirm", {"Sure?": 1, "Really?": 1}))["result"]["taskId"]
    first = await until(door, made, "input_required")
    (key,) = first["inputRequests"]

    wrong = await modern(door, "tasks/update", params={"taskId": made, "inputResponses": {key: {"action": "maybe"}}})
    given = {"unknown": YES, key: YES}
    right = await modern(door, "tasks/update", params={"taskId": made, "inputResponses": given})

    async def other() -> str | None:
        asked = (await get(door, made))["result"].get("inputRequests") or {key: None}
        return next(iter(asked.keys() - {key}), None)

    second = await wait_until_async(other)
    await modern(door, "tasks/update", params={"taskId": made, "inputResponses": {second: YES}})
    done = await until(door, made, "completed")

    assert first["inputRequests"][key]["params"]["message"] == "Sure?"
    assert wrong["error"]["code"] == -32602
    assert right["result"].keys() == {"resultType", "_meta"}
    assert done["result"]["content"][0]["text"] == "2"


@pytest.mark.protocol("TK-06")
async def test_a_tool_that_asks_first_becomes_a_task_with_the_answers(door: Door) -> None:
    asked = (await call(door, "asks_first"))["result"]
    made = await call(door, "asks_first", inputResponses={"ok": YES}, requestState=asked["requestState"])

    done = await until(door, made["result"]["taskId"], "completed")

    assert asked["resultType"] == "input_required"
    assert "taskId" not in asked
    assert made["result"]["pollIntervalMs"] == 250
    assert "requestState" not in made["result"]
    assert done["result"]["content"][0]["text"] == "mine in True"


@pytest.mark.protocol("TK-06", "MR-04")
async def test_no_task_comes_of_a_request_state_that_was_made_up(door: Door) -> None:
    answer = await call(door, "asks_first", inputResponses={"ok": YES}, requestState="mine")

    assert answer["error"]["code"] == -32602


@pytest.mark.protocol("L-02", "TK-04")
async def test_a_stream_tells_of_the_callers_own_tasks_until_they_are_over(
    door: Door, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (await call(door, "slow"))["result"]["taskId"]
    wanted: dict[str, object] = {"taskIds": [made, "tsk_of_somebody_else"]}

    refused = await modern(door, "subscriptions/listen", {}, params={"notifications": wanted})
    async with listening(door, wanted, capabilities=DECLARED) as messages:
        acknowledged = await anext(messages)
        first = await anext(messages)
        jobs.go_on.set()
        last = first
        while last["params"]["status"] != "completed":
            last = await anext(messages)

    assert refused["error"]["code"] == -32021
    assert acknowledged["params"]["notifications"] == {"taskIds": [made]}
    assert first["method"] == last["method"] == "notifications/tasks"
    assert first["params"]["_meta"] == {SUBSCRIPTION: "s1"}
    assert last["params"]["result"]["structuredContent"] == {"done": True}


async def test_a_gateway_without_tasks_holds_every_call_open(world: World, jobs: Jobs) -> None:
    jobs.go_on.set()
    async with opened(world) as door:
        answer = await call(door, "job")
        asked = await get(door, "tsk_1")

    assert answer["result"]["resultType"] == "complete"
    assert (asked["http"], asked["error"]["code"]) == (404, -32601)


# 2025-11-25.


@pytest.fixture
async def client(door: Door) -> Client:
    return await connect(Pair((door, door)))


async def legacy(client: Client, method: str, **params: object) -> dict[str, Any]:
    """The answer, whether it came alone or at the end of a stream."""
    answer = await client.request(method, params, id=9)
    if answer.headers["content-type"] == "application/json":
        decoded: dict[str, Any] = answer.json()
        return decoded
    told = [msgspec.json.decode(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    return next(message for message in told if message.get("id") == 9)


async def make(client: Client, name: str, arguments: object = None, **task: object) -> str:
    answer = await legacy(client, "tools/call", name=name, arguments=arguments or {}, task=task)
    return str(answer["result"]["task"]["taskId"])


@contextlib.asynccontextmanager
async def result_of(client: Client, task_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The messages of the stream that answers `tasks/result`."""
    body = {"jsonrpc": "2.0", "id": 9, "method": "tasks/result", "params": {"taskId": task_id}}
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {ADA}",
        "content-type": "application/json",
        "mcp-session-id": client.session,
        "mcp-protocol-version": client.version,
    }
    content = msgspec.json.encode(body)
    async with client.pair.door.http.stream("POST", "/t/acme/weather/mcp", content=content, headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        yield (event.message async for event in events(answer) if event.data)


async def test_a_session_of_the_experiment_hears_of_tasks_and_older_ones_do_not(door: Door) -> None:
    def initialize(version: str) -> dict[str, object]:
        return {
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
        }  # fmt: skip

    new, old = [(await door.post(initialize(version))).json()["result"] for version in ("2025-11-25", "2025-06-18")]

    assert new["capabilities"]["tasks"] == {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
    assert "tasks" not in old["capabilities"]


async def test_tools_say_what_they_do_with_tasks_and_nothing_else(client: Client) -> None:
    tools = (await legacy(client, "tools/list"))["result"]["tools"]

    assert {one["name"]: one.get("execution") for one in tools if one["name"] in ("plain", "asks_first")} == {
        "plain": None,
        "asks_first": {"taskSupport": "required"},
    }


async def test_a_legacy_task_is_made_seen_listed_and_fetched(client: Client, jobs: Jobs) -> None:
    made = await make(client, "slow", ttl=120_000)
    seen = (await legacy(client, "tasks/get", taskId=made))["result"]
    jobs.go_on.set()
    fetched = await legacy(client, "tasks/result", taskId=made)
    listed = (await legacy(client, "tasks/list"))["result"]["tasks"]

    assert seen.keys() >= {"taskId", "status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval"}
    assert seen["ttl"] == 120_000
    assert fetched["result"]["structuredContent"] == {"done": True}
    assert fetched["result"]["_meta"] == {f"{META}related-task": {"taskId": made}}
    assert [(one["taskId"], one["status"]) for one in listed] == [(made, "completed")]


async def test_the_result_of_a_legacy_task_waits_tells_progress_and_asks(client: Client, jobs: Jobs) -> None:
    body = {"name": "confirm", "arguments": {"Sure?": 1}, "task": {}, "_meta": {"progressToken": "p"}}
    made = (await client.request("tools/call", body)).json()["result"]["task"]["taskId"]

    async with result_of(client, made) as messages:
        question = await anext(messages)
        while question["method"] != "elicitation/create":
            question = await anext(messages)
        await client.post({"jsonrpc": "2.0", "id": question["id"], "result": YES})
        rest = [message async for message in messages]

    assert question["params"]["_meta"] == {f"{META}related-task": {"taskId": made}}
    assert rest[-1]["id"] == 9
    assert rest[-1]["result"]["content"][0]["text"] == "1"
    assert {message["method"] for message in rest[:-1]} == {"notifications/tasks/status"}


async def test_progress_of_a_legacy_task_keeps_the_token_of_its_call(client: Client, jobs: Jobs) -> None:
    body = {"name": "slow", "arguments": {}, "task": {}, "_meta": {"progressToken": "p"}}
    made = (await client.request("tools/call", body)).json()["result"]["task"]["taskId"]

    async with result_of(client, made) as messages:
        told = await anext(messages)
        jobs.go_on.set()
        rest = [message async for message in messages]

    assert told["method"] == "notifications/progress"
    assert told["params"] == {"progress": 1, "total": 2, "message": "halfway", "progressToken": "p"}
    assert "result" in rest[-1]


async def test_a_legacy_task_is_cancelled_once(client: Client, jobs: Jobs) -> None:
    made = await make(client, "slow")

    cancelled = await legacy(client, "tasks/cancel", taskId=made)
    again = await legacy(client, "tasks/cancel", taskId=made)
    result = await legacy(client, "tasks/result", taskId=made)

    assert cancelled["result"]["status"] == "cancelled"
    assert again["error"]["code"] == -32602
    assert result["error"]["code"] == -32602


async def test_an_error_of_the_tool_fails_a_legacy_task_and_is_its_result(client: Client) -> None:
    made = await make(client, "refuses")

    fetched = await legacy(client, "tasks/result", taskId=made)
    seen = await legacy(client, "tasks/get", taskId=made)

    assert fetched["result"]["isError"] is True
    assert seen["result"]["status"] == "failed"


async def test_what_broke_a_legacy_task_is_what_its_call_would_have_been_told(client: Client) -> None:
    made = await make(client, "breaks")

    assert (await legacy(client, "tasks/result", taskId=made))["error"]["message"] == "It broke."


async def test_a_legacy_client_asks_for_tasks_exactly_where_there_are_some(client: Client) -> None:
    without = await legacy(client, "tools/call", name="job", arguments={})
    forbidden = await legacy(client, "tools/call", name="plain", arguments={}, task={})

    assert without["error"]["code"] == forbidden["error"]["code"] == -32601


@pytest.mark.parametrize("task", [7, {"ttl": "long"}, {"ttl": 0}, {"ttl": True}])
async def test_a_legacy_task_is_asked_for_with_an_object_and_a_time(client: Client, task: object) -> None:
    answer = await legacy(client, "tools/call", name="slow", arguments={}, task=task)

    assert answer["error"]["code"] == -32602


async def test_an_older_session_waits_even_for_what_must_be_a_task(door: Door, jobs: Jobs) -> None:
    older = await connect(Pair((door, door)), "2025-06-18")
    jobs.go_on.set()

    answer = await legacy(older, "tools/call", name="job", arguments={}, task={})

    assert answer["result"]["structuredContent"] == {"done": True}


async def test_lists_of_tasks_go_on_with_a_cursor_of_the_same_caller(client: Client, jobs: Jobs) -> None:
    made = [await make(client, "slow") for _ in range(51)]

    first = (await legacy(client, "tasks/list"))["result"]
    rest = (await legacy(client, "tasks/list", cursor=first["nextCursor"]))["result"]
    wrong = await legacy(client, "tasks/list", cursor="made up")

    assert [one["taskId"] for one in (*first["tasks"], *rest["tasks"])] == made[::-1]
    assert "nextCursor" not in rest
    assert wrong["error"]["code"] == -32602


async def test_a_task_goes_on_in_the_trace_of_its_call(world: World, jobs: Jobs) -> None:
    async with opened(world, tasks=True, traced_percent=0) as door:
        await call(door, "breaks")
        await wait_until_async(lambda: jobs.metas and door.lines)

    record = msgspec.json.decode(b"".join(door.lines).splitlines()[0], type=CallRecord)
    assert record.trace is not None
    assert jobs.metas == [{"traceparent": record.trace.goes_on()}]
