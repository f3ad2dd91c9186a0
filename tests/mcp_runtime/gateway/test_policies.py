"""Policies at the front door: who is refused, with what words, and that it is on record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from mcp_runtime.gateway.plan_cache import Plans
from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.gateway.policies import Guard, PolicyRefused, RateLimited, Windows
from mcp_runtime.ports.memory import MemoryCatalogue, MemorySandboxes
from mcp_runtime.ports.plans import Callers, PlanDocument, Policy, Rate
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import BEN, plan, principal
from tests.support import wait_until_async

ADD: dict[str, Any] = {"name": "add", "arguments": {"a": 1, "b": 2}}


def governed(*policies: Policy, version: int = 1) -> PlanDocument:
    """acme's endpoint, all of whose tools have these policies."""
    document = plan("weather", "ep_weather", version=version)
    everywhere = tuple(range(len(policies)))
    tools = tuple(msgspec.structs.replace(tool, policies=everywhere) for tool in document.tools)
    return msgspec.structs.replace(document, tools=tools, policies=policies)


async def test_a_call_beyond_the_rate_is_told_when_to_try_again(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("fair", rate=Rate(2, 3600))))

    answers = [await door.modern("tools/call", ADD) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    error = answers[2].json()["error"]
    assert error["data"]["code"] == "rate_limited"
    assert (error["data"]["policy"], error["data"]["limit"]) == ("fair", 2)
    assert 1790 <= int(answers[2].headers["retry-after"]) == error["data"]["retry_after"] <= 1800
    assert len(door.world.server.calls) == 2


async def test_what_one_caller_used_is_not_taken_from_another(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("fair", rate=Rate(1, 3600))))
    await door.modern("tools/call", ADD)

    assert (await door.modern("tools/call", ADD)).status_code == 429
    assert (await door.modern("tools/call", ADD, token=BEN)).status_code == 200


async def test_publishing_again_does_not_begin_the_count_anew() -> None:
    document = governed(Policy("fair", rate=Rate(1, 3600)))
    catalogue = MemoryCatalogue(document)
    plans = Plans(catalogue, MemorySandboxes())
    await admitted(plans)
    catalogue.publish(msgspec.structs.replace(document, version=2))
    plans.forget("acme", "weather")

    with pytest.raises(RateLimited):
        await admitted(plans)


async def admitted(plans: Plans) -> None:
    plan = await plans.plan("acme", "weather")
    assert plan is not None
    guarded = plan.tools["add"].guard
    assert guarded is not None
    guarded.admit(principal("acme", "ada"), "req_1")


async def test_a_denied_caller_is_told_the_policy_and_the_server_is_not_asked(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("staff", deny=Callers(subjects=("key_ada",)))))

    answer = await door.modern("tools/call", ADD)

    error = answer.json()["error"]
    assert (error["code"], error["data"]["code"], error["data"]["policy"]) == (-32600, "policy_denied", "staff")
    assert not door.world.server.calls


async def test_a_refusal_is_on_record(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("staff", allow=Callers())))

    await door.modern("tools/call", ADD)

    await wait_until_async(lambda: bool(door.lines), 5)
    record = msgspec.json.decode(b"".join(door.lines))
    assert (record["outcome"], record["name"]) == ("policy_denied", "add")


async def test_an_answer_that_takes_too_long_is_cut_off_at_the_server(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("quick", seconds=0.05)))

    answer = await door.modern("tools/call", {"name": "wait", "arguments": {}})

    assert answer.json()["error"]["data"]["code"] == "policy_timeout"
    assert door.world.server.cancelled.is_set()


async def test_a_result_that_is_too_large_is_not_passed_on(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("small", max_bytes=20)))

    error = (await door.modern("tools/call", ADD)).json()["error"]

    assert (error["data"]["code"], error["data"]["limit"]) == ("policy_too_large", 20)


async def test_older_clients_are_refused_in_their_own_way(door: Door) -> None:
    door.world.catalogue.publish(governed(Policy("staff", scopes=("servers:write",))))

    answer = await door.legacy("tools/call", ADD)

    assert answer.status_code == 200
    assert "servers:write" in answer.json()["error"]["message"]


def guard(*policies: Policy, now: list[float]) -> Guard:
    return Guard("add", policies, endpoint_id="ep_1", windows=Windows(now=lambda: now[0]))


def test_a_used_rate_comes_back_bit_by_bit() -> None:
    now = [0.0]
    guarded = guard(Policy("fair", rate=Rate(2, 10)), now=now)
    ada = principal("acme", "ada")
    guarded.admit(ada, "req_1")
    guarded.admit(ada, "req_1")

    with pytest.raises(RateLimited) as caught:
        guarded.admit(ada, "req_1")
    assert caught.value.retry_after == 5
    now[0] = 5.0
    guarded.admit(ada, "req_1")
    with pytest.raises(RateLimited):
        guarded.admit(ada, "req_1")


def test_a_call_that_one_policy_refuses_does_not_count_for_another() -> None:
    now = [0.0]
    guarded = guard(Policy("day", rate=Rate(2, 86_400)), Policy("second", rate=Rate(1, 1)), now=now)
    ada = principal("acme", "ada")
    guarded.admit(ada, "req_1")
    for _ in range(5):
        with pytest.raises(RateLimited):
            guarded.admit(ada, "req_1")

    now[0] = 1.0
    guarded.admit(ada, "req_1")


def test_the_run_of_a_task_counted_when_it_was_made_but_may_be_denied_still() -> None:
    ada = principal("acme", "ada")
    guarded = guard(Policy("fair", rate=Rate(1, 60)), now=[0.0])
    guarded.admit(ada, "req_1")
    guarded.admit(ada, "req_1", counted=False)

    with pytest.raises(PolicyRefused):
        guard(Policy("staff", allow=Callers()), now=[0.0]).admit(ada, "req_1", counted=False)


def test_calls_of_everybody_count_together_where_nothing_is_counted_apart() -> None:
    guarded = guard(Policy("all", rate=Rate(1, 60, ())), now=[0.0])
    guarded.admit(principal("acme", "ada"), "req_1")

    with pytest.raises(RateLimited):
        guarded.admit(principal("acme", "ben"), "req_1")


def test_deny_goes_before_allow_and_roles_count() -> None:
    guarded = guard(Policy("staff", allow=Callers(roles=("operator",)), deny=Callers(subjects=("key_ben",))), now=[0.0])
    operators = frozenset({"operator"})
    guarded.admit(replace(principal("acme", "ada"), roles=operators), "req_1")

    for refused in (principal("acme", "ada"), replace(principal("acme", "ben"), roles=operators)):
        with pytest.raises(PolicyRefused):
            guarded.admit(refused, "req_1")


async def test_the_time_in_which_a_client_thinks_does_not_count() -> None:
    class Asking:
        kind = "python"

        async def call(
            self,
            method: str,
            params: msgspec.Raw,
            *,
            caller: Caller,
            on_event: EventSink | None = None,
            asker: Asker | None = None,
        ) -> msgspec.Raw:
            assert asker is not None
            return await asker("elicitation/create", msgspec.Raw(b"{}"))

    async def thinks(method: str, params: msgspec.Raw) -> msgspec.Raw:
        loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        while loop.time() < begun + 0.1:
            await asyncio.to_thread(lambda: None)
        return msgspec.Raw(b'{"action":"accept"}')

    upstream = guard(Policy("quick", seconds=0.05), now=[0.0]).bounded(Asking())
    caller = Caller(
        request_id="req_1", subject="key_ada", client_id="key_ada", scopes=(), protocol_version="2025-11-25"
    )

    answer = await upstream.call("tools/call", msgspec.Raw(b"{}"), caller=caller, asker=thinks)

    assert bytes(answer) == b'{"action":"accept"}'


async def test_a_call_can_be_cancelled_while_its_question_is_open() -> None:
    asked = asyncio.Event()
    questions: list[asyncio.Future[msgspec.Raw]] = []

    class Asking:
        kind = "python"

        async def call(
            self,
            method: str,
            params: msgspec.Raw,
            *,
            caller: Caller,
            on_event: EventSink | None = None,
            asker: Asker | None = None,
        ) -> msgspec.Raw:
            assert asker is not None
            questions.append(asyncio.ensure_future(asker("elicitation/create", msgspec.Raw(b"{}"))))
            return await asyncio.shield(questions[0])

    async def never(method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked.set()
        return await asyncio.get_running_loop().create_future()

    upstream = guard(Policy("patient", seconds=60), now=[0.0]).bounded(Asking())
    caller = Caller(request_id="req_1", subject="key_ada", client_id="key_ada")
    call = asyncio.ensure_future(upstream.call("tools/call", msgspec.Raw(b"{}"), caller=caller, asker=never))
    await asked.wait()
    call.cancel()
    await asyncio.wait({call})
    questions[0].cancel()
    await asyncio.wait({questions[0]})

    assert call.cancelled()
    assert questions[0].cancelled()


def test_a_plan_whose_tool_names_a_policy_that_is_not_there_is_not_served() -> None:
    document = msgspec.structs.replace(governed(Policy("fair", rate=Rate(1, 1))), policies=())

    with pytest.raises(PlanError):
        CompiledPlan(document, MemorySandboxes())
