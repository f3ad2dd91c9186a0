"""The task's row: written at once with its audit entry, read by its owner only, changed by who holds its lease only."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from controlplane.audit.models import Entry
from controlplane.tasks import leases, parts, queueing, records, services
from controlplane.tasks.leases import MAX_CRASHES, Claim
from controlplane.tasks.models import Task, TaskPart
from mcp_runtime.ports.tasks import LeaseLost, TaskLimit
from mcp_runtime.protocol.messages import ErrorBody, LogMessage, Progress, Question, Text, ToolResult
from tenants import sealed
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.controlplane.tasks.conftest import Made, Ordered
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

DONE = ToolResult(content=[Text(text="Done.")])
ROOTS = Question("roots/list")
YES = msgspec.Raw(b'{"roots":[]}')


def claimed(cast: Cast, task: Task) -> Claim:
    with acting_for(cast.acme.id):
        claim = leases.claim(task.id)
    assert claim is not None
    return claim


def expire(cast: Cast, task: Task) -> None:
    """Its worker said nothing for too long."""
    with acting_for(cast.acme.id):
        Task.objects.filter(pk=task.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def row(cast: Cast, task: Task) -> Task:
    with acting_for(cast.acme.id):
        return Task.objects.get(pk=task.pk)


def test_a_task_is_written_with_its_audit_entry_and_its_arguments_only_under_seal(
    cast: Cast, make: Made, order: Ordered
) -> None:
    task = make()

    with acting_for(cast.acme.id):
        entry = Entry.objects.get(action="task.created")
        kept = Task.objects.get()
    assert (entry.target, entry.actor, entry.request_id) == (task.id, cast.ada.id, "req_1")
    assert b"Hunter2" not in bytes(kept.sealed)
    assert "Hunter2" not in str(kept.__dict__)
    with acting_for(cast.acme.id):
        assert parts.order_of(kept) == order()


def test_a_tasks_row_is_due_until_somebody_claims_it(cast: Cast, make: Made) -> None:
    task = make()

    before = list(queueing.due())
    claimed(cast, task)

    assert before == [(cast.acme.id, task.id)]
    assert list(queueing.due()) == []


def test_of_many_tasks_of_one_tenant_those_of_others_do_not_wait(cast: Cast, make: Made, order: Ordered) -> None:
    flood = [make() for _ in range(5)]
    cem = cast.principal(cast.cem, cast.globex)
    with acting_for(cast.globex.id):
        other = records.create(order(principal=cem), acting=cem)

    found = [task_id for _, task_id in queueing.due()]

    assert set(found[:2]) == {flood[0].id, other.id}


def test_a_task_is_claimed_once_however_often_it_is_delivered(cast: Cast, make: Made) -> None:
    task = make()
    claimed(cast, task)

    with acting_for(cast.acme.id):
        assert leases.claim(task.id) is None


def test_the_result_is_its_owners_and_is_kept_under_seal(cast: Cast, make: Made, order: Ordered) -> None:
    task = make()
    claim = claimed(cast, task)

    with acting_for(cast.acme.id):
        assert leases.finish(claim, DONE)
        found = records.get(task.id, order().owner)
        part = TaskPart.objects.get()
    assert found is not None
    assert found.status == "completed"
    assert found.result == DONE
    assert b"Done." not in bytes(part.sealed)


def test_another_principal_another_endpoint_and_another_tenant_find_nothing(
    cast: Cast, make: Made, order: Ordered
) -> None:
    task = make()
    ben = order(principal=cast.principal(cast.ben, cast.acme)).owner

    with acting_for(cast.acme.id):
        assert records.get(task.id, ben) is None
        assert records.cancel(task.id, ben, acting=None) is None
        assert not records.answer(task.id, ben, {})
        assert records.get(task.id, order(endpoint_id="ep_other").owner) is None
        assert records.get("x" * 1_000_000, order().owner) is None
    with acting_for(cast.globex.id):
        assert records.get(task.id, order().owner) is None


def test_a_frozen_worker_that_comes_back_can_write_nothing(cast: Cast, make: Made, order: Ordered) -> None:
    task = make(retry=True)
    frozen = claimed(cast, task)
    expire(cast, task)
    second = claimed(cast, task)

    with acting_for(cast.acme.id):
        assert not leases.finish(frozen, ErrorBody(1, "late"))
        assert leases.renew({task.id: frozen.token}) == set()
        with pytest.raises(LeaseLost):
            leases.report(frozen, Progress(99), [])
        with pytest.raises(LeaseLost):
            leases.ask(frozen, {"": ROOTS}, state=None, returned=False)
        assert leases.renew({task.id: second.token}) == {task.id}
        assert leases.finish(second, DONE)
        found = records.get(task.id, order().owner)
    assert found is not None
    assert (found.status, found.progress) == ("completed", None)


def test_what_may_not_be_called_twice_fails_when_its_worker_dies(cast: Cast, make: Made, order: Ordered) -> None:
    task = make(retry=False)
    claimed(cast, task)
    expire(cast, task)

    with acting_for(cast.acme.id):
        assert leases.claim(task.id) is None
        found = records.get(task.id, order().owner)
    assert found is not None
    assert found.status == "failed"
    assert found.error is not None
    assert "may be called twice" in found.error.message


def test_after_three_dead_workers_a_task_is_put_into_quarantine(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for _ in range(MAX_CRASHES):
        claimed(cast, task)
        expire(cast, task)

    with acting_for(cast.acme.id):
        assert leases.claim(task.id) is None
    assert (row(cast, task).state, row(cast, task).quarantined) == ("failed", True)


def test_a_long_task_that_comes_further_each_time_outlives_any_number_of_workers(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for step in range(3 * MAX_CRASHES):
        claim = claimed(cast, task)
        with acting_for(cast.acme.id):
            leases.report(claim, Progress(step), [])
        expire(cast, task)

    assert row(cast, task).state == "running"


def test_a_task_that_dies_at_the_same_place_each_time_is_put_into_quarantine(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for _ in range(MAX_CRASHES):
        claim = claimed(cast, task)
        with acting_for(cast.acme.id):
            leases.report(claim, Progress(1), [])
            leases.report(claim, Progress(2), [])
        expire(cast, task)

    with acting_for(cast.acme.id):
        assert leases.claim(task.id) is None
    assert row(cast, task).quarantined


def test_progress_never_goes_back_and_the_message_is_that_of_the_run(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for progress in (Progress(3, 4, "page 3"), Progress(1, 4, "page 1 again")):
        claim = claimed(cast, task)
        with acting_for(cast.acme.id):
            leases.report(claim, progress, [])
        expire(cast, task)

    assert (row(cast, task).progress, row(cast, task).status_message) == (3, "page 1 again")


def test_a_runner_that_is_away_for_long_puts_no_task_into_quarantine(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for _ in range(MAX_CRASHES + 1):
        claim = claimed(cast, task)
        with acting_for(cast.acme.id):
            leases.give_back(claim, cut_off="No runner is there.")

    assert (row(cast, task).state, row(cast, task).crashes) == ("queued", 0)


def test_a_worker_that_stops_in_good_order_counts_as_no_crash(cast: Cast, make: Made) -> None:
    task = make(retry=True)
    for _ in range(MAX_CRASHES + 1):
        claim = claimed(cast, task)
        with acting_for(cast.acme.id):
            leases.give_back(claim)

    assert (row(cast, task).state, row(cast, task).crashes) == ("queued", 0)


def test_a_question_waits_without_a_worker_and_its_answer_queues_the_task_again(
    cast: Cast, make: Made, order: Ordered
) -> None:
    task = make()
    claim = claimed(cast, task)
    with acting_for(cast.acme.id):
        (key,) = leases.ask(claim, {"": ROOTS}, state=None, returned=False)
        assert leases.answers(claim, [key], park=False) is None
        assert leases.answers(claim, [key], park=True) is None
        asked = records.get(task.id, order().owner)
    assert asked is not None
    assert (asked.status, list(asked.questions)) == ("input_required", [key])
    assert list(queueing.due()) == []

    with acting_for(cast.acme.id):
        records.answer(task.id, order().owner, {"unknown": YES})
        still = row(cast, task).state
        records.answer(task.id, order().owner, {key: YES})
    again = claimed(cast, task)

    assert still == "waiting"
    assert again.dialogue.resume() == {}
    assert [answer for _, answer in again.dialogue.record] == [YES]


def test_an_answer_that_comes_in_time_goes_to_the_run_that_waits(cast: Cast, make: Made, order: Ordered) -> None:
    task = make()
    claim = claimed(cast, task)
    with acting_for(cast.acme.id):
        (key,) = leases.ask(claim, {"": ROOTS}, state=None, returned=False)
        records.answer(task.id, order().owner, {key: YES})

        assert leases.answers(claim, [key], park=True) == [YES]
    assert (row(cast, task).state, row(cast, task).asking) == ("running", False)


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
def test_a_task_can_be_cancelled_in_any_state_and_stays_so(cast: Cast, make: Made, order: Ordered, state: str) -> None:
    task = make(retry=True)
    if state != "queued":
        claim = claimed(cast, task)
        if state == "waiting":
            with acting_for(cast.acme.id):
                keys = leases.ask(claim, {"": ROOTS}, state=None, returned=False)
                leases.answers(claim, keys, park=True)

    with acting_for(cast.acme.id):
        before = records.cancel(task.id, order().owner, acting=order().principal)
        again = records.cancel(task.id, order().owner, acting=order().principal)
        if state == "running":
            assert not leases.finish(claim, DONE)
        entries = Entry.objects.filter(action="task.cancelled").count()
    assert before is not None
    assert again is not None
    assert not before.over
    assert again.status == "cancelled"
    assert entries == 1
    assert list(queueing.due()) == []


def test_progress_and_the_end_of_the_log_are_kept(cast: Cast, make: Made, ada: Principal) -> None:
    task = make()
    claim = claimed(cast, task)
    with acting_for(cast.acme.id):
        leases.report(claim, Progress(1, 4, "one\0 of four"), [LogMessage("info", msgspec.Raw(b'"began"'))])
        leases.report(claim, Progress(2, 4), [LogMessage("info", msgspec.Raw(b"%d" % n)) for n in range(100)])
        log = services.log_of(task, acting=ada)

    kept = row(cast, task)
    assert (kept.progress, kept.total, kept.percent) == (2, 4, 50)
    assert kept.status_message == "one\ufffd of four"
    assert [bytes(one.data) for one in (log[0], log[-1])] == [b"50", b"99"]


def test_a_task_whose_time_is_over_is_unknown_and_then_forgotten(cast: Cast, make: Made, order: Ordered) -> None:
    kept, task = make(), make()
    with acting_for(cast.acme.id):
        Task.objects.filter(pk=task.pk).update(expires_at=timezone.now())
        assert records.get(task.id, order().owner) is None
        assert leases.claim(task.id) is None

    assert services.forget() == 1
    with acting_for(cast.acme.id):
        assert [one.pk for one in Task.objects.all()] == [kept.pk]


def test_a_tenant_has_only_so_many_unfinished_tasks(cast: Cast, make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_UNFINISHED", 1)
    make()

    with pytest.raises(TaskLimit):
        make()


def test_another_data_key_seals_orders_and_results_anew(cast: Cast, make: Made, order: Ordered) -> None:
    task = make()
    claim = claimed(cast, task)
    with acting_for(cast.acme.id):
        leases.finish(claim, DONE)

        assert sealed.rotate_data_key() >= 2
        assert parts.order_of(Task.objects.get()) == order()
        assert parts.read(task, TaskPart.Kind.RESULT, ToolResult) == DONE


# What members see and do.


def test_an_ended_task_is_done_once_more_as_another_one_of_the_same_owner(
    cast: Cast, make: Made, order: Ordered, ada: Principal, ben: Principal
) -> None:
    task = make()
    with acting_for(cast.acme.id):
        with pytest.raises(services.TaskNotOverError):
            services.retry(task.id, acting=ada)
        services.cancel(task.id, acting=ada)
        again = services.retry(task.id, acting=ben)
        found = records.get(again.id, order().owner)

    assert (again.state, again.retry_of) == ("queued", task.id)
    assert found is not None
    assert row(cast, task).state == "cancelled"


def test_members_find_tasks_by_what_they_know_of_them(cast: Cast, make: Made, ada: Principal) -> None:
    first, second = make(), make(endpoint="other")
    with acting_for(cast.acme.id):
        services.cancel(first.id, acting=ada)

        assert [one.pk for one in services.tasks({}, acting=ada)] == [second.pk, first.pk]
        assert [one.pk for one in services.tasks({}, before=second.pk, acting=ada)] == [first.pk]
        assert [one.pk for one in services.tasks({"state": "unfinished"}, acting=ada)] == [second.pk]
        assert [one.pk for one in services.tasks({"endpoint": "weather"}, acting=ada)] == [first.pk]


def test_who_may_not_operate_endpoints_looks_and_touches_nothing(cast: Cast, make: Made) -> None:
    task = make()
    looker = Principal(
        cast.acme.id, "stoa:keys", "key_1", "api_key", "key_1", frozenset({"calls:read"}), frozenset(), "*"
    )
    with acting_for(cast.acme.id):
        assert services.task(task.id, acting=looker).pk == task.pk
        for act in (services.cancel, services.retry):
            with pytest.raises(NotPermittedError):
                act(task.id, acting=looker)
