"""Questions to clients of 2026-07-28: as answers to their calls (PROTOCOL 2.7)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest

from mcp_runtime.gateway import rounds
from mcp_runtime.ports.sandboxes import Asker, EventSink, UpstreamError
from mcp_runtime.ports.workers import Caller
from mcp_runtime.sessions.redis import RedisSessions
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.world import BEN, META, World

FORM = {
    "message": "Your name?",
    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}
ASKABLE: dict[str, object] = {"elicitation": {}, "sampling": {}}


@dataclass
class Asking:
    """A server whose tool asks, in the ways there are."""

    runs: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(
        self, method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink, asker: Asker | None
    ) -> object:
        given = msgspec.json.decode(params)
        self.seen.append(given)
        self.runs += 1
        arguments = given["arguments"]
        if arguments.get("how") == "returns":
            return self._returned(given)
        assert asker is not None
        names = []
        for number in range(arguments.get("times", 1)):
            question = _page() if arguments.get("how") == "page" else {**FORM, "message": f"Name {number}?"}
            try:
                answer = await asker("elicitation/create", _raw(question))
            except UpstreamError as error:
                raise UpstreamError(error.code, error.message, error.data) from None
            names.append("gone there" if "url" in question else msgspec.json.decode(answer)["content"]["name"])
            on_event("notifications/progress", _raw({"progress": number + 1}))
        return {"content": [{"type": "text", "text": ", ".join(names)}]}

    def _returned(self, given: dict[str, Any]) -> object:
        answers = given.get("inputResponses") or {}
        if "who" in answers:
            state, name = given.get("requestState"), answers["who"]["content"]["name"]
            return {"content": [{"type": "text", "text": f"{name} {state}"}]}
        question = {"method": "elicitation/create", "params": FORM}
        model = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}
        asked = {"who": question, "model": model} if given["arguments"].get("more") else {"who": question}
        return {"resultType": "input_required", "inputRequests": asked, "requestState": "mine"}


def _page() -> dict[str, object]:
    return {"mode": "url", "message": "Go there.", "url": "https://a.example", "elicitationId": os.urandom(8).hex()}


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


@pytest.fixture
def server() -> Asking:
    return Asking()


@pytest.fixture
def world(server: Asking) -> World:
    made = the_world.build()
    made.sandboxes.asking["srv"] = server
    return made


@pytest.fixture
async def other(world: World, redis_url: str) -> AsyncIterator[tuple[Door, Door]]:
    """Two gateways that share a key and a store."""
    key = os.urandom(32)
    async with (
        opened(world, RedisSessions(redis_url), sealing_key=key) as first,
        opened(world, RedisSessions(redis_url), sealing_key=key) as second,
    ):
        yield first, second


async def call(
    door: Door,
    arguments: dict[str, object] | None = None,
    answers: object = None,
    state: object = None,
    *,
    capabilities: dict[str, object] = ASKABLE,
    tool: str = "wait",
    **options: Any,
) -> httpx2.Response:
    params: dict[str, object] = {"name": tool, "arguments": arguments or {}}
    if answers is not None:
        params["inputResponses"] = answers
    if state is not None:
        params["requestState"] = state
    return await door.modern("tools/call", params, meta={f"{META}clientCapabilities": capabilities}, **options)


def accepted(name: object) -> dict[str, object]:
    return {"action": "accept", "content": {"name": name}}


def asked(answer: httpx2.Response) -> tuple[str, str]:
    """The key of the one question, and the state."""
    result = answer.json()["result"]
    assert result["resultType"] == "input_required", result
    (key,) = result["inputRequests"]
    return key, result["requestState"]


def text(answer: httpx2.Response) -> str:
    result = answer.json()["result"]
    assert result["resultType"] == "complete", result
    return str(result["content"][0]["text"])


@pytest.mark.protocol("MR-01", "S-04", "R-01")
async def test_a_question_is_the_answer_to_the_call(door: Door) -> None:
    answer = await call(door)

    result = answer.json()["result"]
    assert answer.headers["content-type"] == "application/json"
    assert result["resultType"] == "input_required"
    (question,) = result["inputRequests"].values()
    assert question == {"method": "elicitation/create", "params": {**FORM, "message": "Name 0?"}}
    assert result["_meta"][f"{META}serverInfo"]["name"] == "weather server"


@pytest.mark.protocol("MR-03", "MR-07")
async def test_the_retry_lets_the_waiting_code_go_on(door: Door, server: Asking) -> None:
    key, state = asked(await call(door))

    answer = await call(door, None, {key: accepted("Ada")}, state)

    assert text(answer) == "Ada"
    assert server.runs == 1


async def test_code_may_ask_again_and_again(door: Door, server: Asking) -> None:
    key, state = asked(await call(door, {"times": 3}))
    key, state = asked(await call(door, {"times": 3}, {key: accepted("a")}, state))
    key, state = asked(await call(door, {"times": 3}, {key: accepted("b")}, state))

    assert text(await call(door, {"times": 3}, {key: accepted("c")}, state)) == "a, b, c"
    assert server.runs == 1


async def test_a_retry_that_reaches_another_process_replays(other: tuple[Door, Door], server: Asking) -> None:
    first, second = other
    key, state = asked(await call(first, {"times": 2}))
    key, state = asked(await call(second, {"times": 2}, {key: accepted("a")}, state))

    answer = await call(first, {"times": 2}, {key: accepted("b")}, state)

    assert text(answer) == "a, b"


async def test_code_that_no_longer_waits_is_run_again(
    door: Door, server: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MAX_PARKED", 0)
    key, state = asked(await call(door, {"times": 2}))
    key, state = asked(await call(door, {"times": 2}, {key: accepted("a")}, state))

    assert text(await call(door, {"times": 2}, {key: accepted("b")}, state)) == "a, b"
    assert server.runs == 3


@pytest.mark.protocol("EL-03", "MR-06")
async def test_a_page_to_open_has_no_id_of_its_own_and_is_known_again(
    door: Door, server: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MAX_PARKED", 0)
    able: dict[str, object] = {"elicitation": {"url": {}}}

    first = await call(door, {"how": "page"}, capabilities=able)
    key, state = asked(first)
    again = await call(door, {"how": "page"}, {key: {"action": "accept"}}, state, capabilities=able)

    assert first.json()["result"]["inputRequests"][key]["params"] == {
        "mode": "url",
        "message": "Go there.",
        "url": "https://a.example",
    }
    assert text(again) == "gone there"
    assert server.runs == 2


async def test_progress_of_a_later_round_has_its_own_token(door: Door) -> None:
    key, state = asked(await call(door))
    params: dict[str, object] = {"name": "wait", "arguments": {}, "requestState": state}
    params["inputResponses"] = {key: accepted("Ada")}
    meta: dict[str, object] = {f"{META}clientCapabilities": ASKABLE, "progressToken": "second"}

    answer = await door.modern("tools/call", params, meta=meta)

    assert '"progressToken":"second"' in answer.text


@pytest.mark.protocol("MR-03", "MR-04")
async def test_a_server_gets_its_own_state_back_and_the_client_cannot_read_it(door: Door, server: Asking) -> None:
    key, state = asked(await call(door, {"how": "returns"}))
    assert key == "who"
    assert "mine" not in state

    assert text(await call(door, {"how": "returns"}, {key: accepted("Ada")}, state)) == "Ada mine"


@pytest.mark.protocol("MR-03")
async def test_answers_may_come_with_the_very_first_call(door: Door) -> None:
    assert text(await call(door, {"how": "returns"}, {"who": accepted("Ada")})) == "Ada None"


@pytest.mark.protocol("MR-02")
async def test_questions_a_client_cannot_answer_are_left_out(door: Door) -> None:
    answer = await call(door, {"how": "returns", "more": True}, capabilities={"sampling": {}})

    assert list(answer.json()["result"]["inputRequests"]) == ["model"]


@pytest.mark.protocol("MR-02")
@pytest.mark.parametrize("how", ["returns", "waits"])
async def test_a_client_that_can_answer_nothing_is_told_what_it_lacks(door: Door, how: str) -> None:
    answer = await call(door, {"how": how}, capabilities={"roots": {}})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32021)
    assert error["data"] == {"requiredCapabilities": {"elicitation": {}}}


@pytest.mark.protocol("MR-02")
async def test_a_form_needs_more_than_the_url_mode(door: Door) -> None:
    answer = await call(door, {"how": "returns"}, capabilities={"elicitation": {"url": {}}})

    assert answer.json()["error"]["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}


@pytest.mark.protocol("MR-04")
@pytest.mark.parametrize("state", ["", "x", "é" * 40, "A" * 200_000, 7, None])
async def test_a_state_that_is_not_ours_is_an_error(door: Door, state: object) -> None:
    params: dict[str, object] = {"name": "wait", "arguments": {}, "requestState": state}

    answer = await door.modern("tools/call", params, meta={f"{META}clientCapabilities": ASKABLE})

    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("MR-04")
async def test_a_state_is_good_for_its_own_call_only(door: Door, other: tuple[Door, Door]) -> None:
    key, state = asked(await call(door))
    answers = {key: accepted("Ada")}

    refused = [
        await call(door, None, answers, state[:-1] + ("A" if state[-1] != "A" else "B")),
        await call(door, None, answers, state + "-TAMPERED"),
        await call(door, {"times": 2}, answers, state),
        await call(door, None, answers, state, tool="refuse"),
        await call(door, None, answers, state, token=BEN),
        await call(door, None, answers, state, path="/t/acme/other/mcp"),
        await call(other[0], None, answers, state),
    ]

    assert [answer.json()["error"]["code"] for answer in refused] == [-32602] * 7
    assert text(await call(door, None, answers, state)) == "Ada"


@pytest.mark.protocol("MR-04")
async def test_a_state_is_good_for_one_retry_everywhere(other: tuple[Door, Door]) -> None:
    first, second = other
    key, state = asked(await call(first))
    assert text(await call(first, None, {key: accepted("Ada")}, state)) == "Ada"

    for door in other:
        answer = await call(door, None, {key: accepted("Eve")}, state)
        assert answer.json()["error"]["code"] == -32602
    assert second is not first


@pytest.mark.protocol("MR-05")
async def test_a_missing_answer_is_asked_for_again(door: Door) -> None:
    key, state = asked(await call(door))

    again, fresh = asked(await call(door, None, {"something else": accepted("x")}, state))

    assert again == key
    assert text(await call(door, None, {key: accepted("Ada"), "more": accepted("x")}, fresh)) == "Ada"


@pytest.mark.protocol("MR-05")
@pytest.mark.parametrize(
    "answers",
    [
        [],
        "x",
        {"KEY": 12345},
        {"KEY": None},
        {"KEY": {"action": "maybe"}},
        {"KEY": {"action": "accept", "content": {"name": 7}}},
        {"KEY": {"action": "accept"}},
    ],
)
async def test_an_answer_that_is_none_is_refused_and_can_be_mended(door: Door, answers: Any) -> None:
    key, state = asked(await call(door))
    given = {key: answers["KEY"]} if isinstance(answers, dict) else answers

    refused = await call(door, None, given, state)

    assert refused.json()["error"]["code"] == -32602
    assert text(await call(door, None, {key: accepted("Ada")}, state)) == "Ada"


@pytest.mark.protocol("MR-06")
async def test_a_client_may_decline(door: Door, server: Asking) -> None:
    key, state = asked(await call(door))

    answer = await call(door, None, {key: {"action": "decline"}}, state)

    assert answer.json()["error"]["code"] == -32603  # this server did not expect it; it was told all the same
    assert server.runs == 1


async def test_a_state_expires(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "STATE_SECONDS", -1.0)
    key, state = asked(await call(door))

    answer = await call(door, None, {key: accepted("Ada")}, state)

    assert "expired" in answer.json()["error"]["message"]


async def test_lists_and_discovery_never_ask(door: Door) -> None:
    for method in ("tools/list", "prompts/list", "server/discover"):
        answer = await door.modern(method, meta={f"{META}clientCapabilities": ASKABLE})
        assert answer.json()["result"]["resultType"] == "complete"
