"""What a run says on the way, on its way into the row."""

from __future__ import annotations

import msgspec
import pytest

from controlplane.tasks import leases
from controlplane.tasks.journal import RowJournal
from controlplane.tasks.models import Task
from mcp_runtime.protocol.messages import Progress
from tenants.context import in_thread, run_acting_for
from tests.controlplane.tasks.conftest import Made
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 100_000


async def test_of_many_progress_events_the_last_one_is_written(cast: Cast, make: Made) -> None:
    task = await in_thread(make)
    journal = await _journal(cast, task)
    for event in range(1, EVENTS + 1):
        journal.heard("notifications/progress", _said(event))
    await journal.flush()
    await journal.close()

    assert await _kept(cast, task) == (EVENTS, f"event {EVENTS}")


async def test_progress_that_goes_back_is_not_heard(cast: Cast, make: Made) -> None:
    task = await in_thread(make)
    journal = await _journal(cast, task)
    for event in (1, 3, 2, 3):
        journal.heard("notifications/progress", _said(event))
    await journal.flush()
    await journal.close()

    assert await _kept(cast, task) == (3, "event 3")


@pytest.mark.parametrize("params", [b"null", b"[]", b'{"progress":"far"}', b'{"progress":', b"[" * 100_000])
async def test_what_is_no_progress_is_not_heard(cast: Cast, make: Made, params: bytes) -> None:
    task = await in_thread(make)
    journal = await _journal(cast, task)
    journal.heard("notifications/progress", msgspec.Raw(params))
    await journal.flush()
    await journal.close()

    assert await _kept(cast, task) == (None, "")


async def _journal(cast: Cast, task: Task) -> RowJournal:
    claim = await run_acting_for(cast.acme.id, leases.claim, task.id)
    assert claim is not None
    return RowJournal(claim)


async def _kept(cast: Cast, task: Task) -> tuple[float | None, str]:
    kept = await run_acting_for(cast.acme.id, Task.objects.get, pk=task.pk)
    return kept.progress, kept.status_message


def _said(event: int) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(Progress(event, EVENTS, f"event {event}")))
