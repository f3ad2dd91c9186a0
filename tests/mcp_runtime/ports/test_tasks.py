"""The tasks port in memory, and what a task asks its owner."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from mcp_runtime.ports import memory_tasks
from mcp_runtime.ports.dialogues import MAX_QUESTIONS, Dialogue, TooManyQuestions, digest
from mcp_runtime.ports.memory_tasks import MemoryJournal, MemoryTasks
from mcp_runtime.ports.tasks import LeaseLost, Outcome, Owner, TaskLimit, TaskOrder
from mcp_runtime.protocol.messages import ErrorBody, Question, ToolResult
from tenants.principal import Principal
from tests.support.waiting import wait_until_async

ROOTS = Question("roots/list")
NAME = Question("elicitation/create", msgspec.Raw(b'{"message":"Name?"}'))
YES = msgspec.Raw(b'{"roots":[]}')


def order(subject: str = "key_ada", **more: object) -> TaskOrder:
    ada = Principal("ten_a", "stoa:keys", subject, "api_key", subject, frozenset({"mcp:call"}), frozenset(), "*")
    facts: dict[str, object] = {
        "principal": ada, "tenant": "acme", "endpoint": "weather", "endpoint_id": "ep_1", "version": 1,
        "method": "tools/call", "name": "long", "params": {"name": "long"}, "revision": "2026-07-28", **more,
    }  # fmt: skip
    return msgspec.convert(facts, TaskOrder)


async def asking(order: TaskOrder, journal: MemoryJournal) -> Outcome:
    answers = await journal.ask({"": ROOTS}, state=None, returned=False)
    return ToolResult(content=[], structured_content=answers[""])


async def waiting(order: TaskOrder, journal: MemoryJournal) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


async def until(tasks: MemoryTasks, task_id: str, status: str, owner: Owner) -> None:
    """Look only when told that there is something to see."""
    changed = asyncio.Event()
    stop = tasks.watch(task_id, changed.set)
    async with asyncio.timeout(10):
        while (task := await tasks.get(task_id, owner)) is None or task.status != status:
            await changed.wait()
            changed.clear()
    stop()


async def test_a_task_asks_goes_on_with_the_answer_and_keeps_its_result() -> None:
    tasks = MemoryTasks(asking)
    task = await tasks.create(order())
    await until(tasks, task.id, "input_required", order().owner)

    asked = await tasks.get(task.id, order().owner)
    assert asked is not None
    assert list(asked.questions) == ["roots_1"]
    assert await tasks.answer(task.id, order().owner, {"unknown": YES, "roots_1": YES})
    await until(tasks, task.id, "completed", order().owner)

    done = await tasks.get(task.id, order().owner)
    assert done is not None
    assert done.result is not None
    assert done.result.structured_content == YES
    assert done.questions == {}


async def test_to_another_caller_or_at_another_endpoint_a_task_does_not_exist() -> None:
    tasks = MemoryTasks(waiting)
    task = await tasks.create(order())

    for owner in (order("key_ben").owner, order(endpoint_id="ep_2").owner):
        assert await tasks.get(task.id, owner) is None
        assert await tasks.cancel(task.id, owner) is None
        assert not await tasks.answer(task.id, owner, {})
        assert list(await tasks.list(owner)) == []
    await tasks.aclose()


async def test_a_cancelled_task_stays_cancelled_and_its_run_ends() -> None:
    ended = asyncio.Event()

    async def run(order: TaskOrder, journal: MemoryJournal) -> Outcome:
        try:
            return await waiting(order, journal)
        finally:
            ended.set()

    tasks = MemoryTasks(run)
    task = await tasks.create(order())
    await asyncio.sleep(0)

    before = await tasks.cancel(task.id, order().owner)
    again = await tasks.cancel(task.id, order().owner)

    await wait_until_async(ended.is_set)
    assert before is not None
    assert again is not None
    assert (before.status, again.status) == ("working", "cancelled")


async def test_a_run_that_breaks_fails_its_task_without_saying_how() -> None:
    async def run(order: TaskOrder, journal: MemoryJournal) -> Outcome:
        raise ValueError("hunter2")

    tasks = MemoryTasks(run)
    task = await tasks.create(order())
    await until(tasks, task.id, "failed", order().owner)

    failed = await tasks.get(task.id, order().owner)
    assert failed is not None
    assert failed.error == ErrorBody(-32603, "The platform failed to run this task.")


async def test_a_task_can_be_read_until_its_time_is_over() -> None:
    clock = [1_000.0]
    tasks = MemoryTasks(waiting, now=lambda: clock[0])
    task = await tasks.create(order(ttl_ms=60_000))

    clock[0] += 59
    assert await tasks.get(task.id, order().owner) is not None
    clock[0] += 2
    assert await tasks.get(task.id, order().owner) is None
    await tasks.aclose()


async def test_lists_are_the_newest_first_and_go_on_behind_a_task() -> None:
    tasks = MemoryTasks(waiting)
    made = [(await tasks.create(order())).id for _ in range(3)]

    first = await tasks.list(order().owner, limit=2)
    rest = await tasks.list(order().owner, before=first[-1].id)

    assert [task.id for task in (*first, *rest)] == made[::-1]
    assert list(await tasks.list(order().owner, before="tsk_gone")) == []
    await tasks.aclose()


async def test_unfinished_tasks_are_limited_and_finished_ones_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_tasks, "MAX_TASKS", 2)
    tasks = MemoryTasks(waiting)
    first = await tasks.create(order())
    await tasks.create(order())

    with pytest.raises(TaskLimit):
        await tasks.create(order())
    await tasks.cancel(first.id, order().owner)
    await tasks.create(order())

    assert await tasks.get(first.id, order().owner) is None
    await tasks.aclose()


async def test_a_run_whose_task_is_over_can_ask_nothing_more() -> None:
    tasks = MemoryTasks(waiting)
    task = await tasks.create(order())
    await tasks.cancel(task.id, order().owner)

    with pytest.raises(LeaseLost):
        await MemoryJournal(tasks, task.id, Dialogue()).ask({"": ROOTS}, state=None, returned=False)


# What was asked.


def test_a_key_is_never_given_twice() -> None:
    dialogue = Dialogue()
    first = dialogue.put({"": ROOTS}, state=None, returned=False)
    dialogue.take({first[0]: YES})
    dialogue.settle(first)

    second = dialogue.put({"": ROOTS}, state=None, returned=False)

    assert (first, second) == (["roots_1"], ["roots_2"])
    assert dialogue.record == [(digest(ROOTS), YES)]


def test_a_question_asked_again_while_it_is_open_keeps_its_key() -> None:
    dialogue = Dialogue()

    keys = dialogue.put({"": NAME}, state=None, returned=False)

    assert dialogue.put({"": NAME}, state=None, returned=False) == keys
    assert list(dialogue.open) == keys


def test_a_second_answer_to_a_question_changes_nothing() -> None:
    dialogue = Dialogue()
    keys = dialogue.put({"": ROOTS}, state=None, returned=False)
    dialogue.take({keys[0]: YES})

    assert not dialogue.take({keys[0]: msgspec.Raw(b'{"roots":[1]}')})
    assert dialogue.settle(keys) == [YES]


def test_a_tool_that_returned_its_questions_gets_the_answers_by_its_own_names() -> None:
    dialogue = Dialogue()
    keys = dialogue.put({"where": ROOTS, "who": NAME}, state="s", returned=True)
    answered = [(dialogue.take({key: YES}), dialogue.answered) for key in keys]

    stored = msgspec.json.decode(msgspec.json.encode(dialogue), type=Dialogue)

    assert answered == [(True, False), (True, True)]
    assert stored.resume() == {"where": YES, "who": YES}
    assert (stored.state, stored.record, stored.asked) == ("s", [], {})


def test_a_task_asks_only_so_often() -> None:
    dialogue = Dialogue(count=MAX_QUESTIONS)

    with pytest.raises(TooManyQuestions):
        dialogue.put({"": ROOTS}, state=None, returned=False)
