from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from channels.layers import ChannelLayerManager
from pytest_django import Settings

from controlplane.registry import services, watching
from controlplane.registry.buildlog import BuildLog, wake
from controlplane.registry.errors import RevisionNotFound
from controlplane.registry.models import BuildLogLine, Revision
from controlplane.registry.watching import Ended, Idle, watch
from controlplane.settings import services as services_settings
from tenants.context import run_acting_for
from tenants.models import Tenant


@pytest.fixture
async def revision(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> Revision:
    """Queued, with one line of log."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)
    revision = await run_acting_for(
        acme.id, services.submit_revision, "weather", bundle="a" * 64, file_name="server.py", acting=None
    )
    async with BuildLog(acme.id, revision.id) as log:
        log.write("first")
    return revision


async def finish(revision: Revision) -> None:
    await run_acting_for(revision.tenant_id, lambda: Revision.objects.update(status="failed"))
    await wake(revision.id)


def start(revision: Revision, after: int = 0) -> AsyncGenerator[Any, None]:
    return cast("AsyncGenerator[Any, None]", watch(revision.tenant_id, revision.id, after=after))


async def test_lines_come_once_and_in_order_and_the_outcome_last(revision: Revision) -> None:
    news = start(revision)
    seen = [await anext(news)]
    async with BuildLog(revision.tenant_id, revision.id) as log:
        log.write("second\nthird")
    seen += [await anext(news), await anext(news)]
    await finish(revision)
    seen += [one async for one in news]

    assert [line.text for line in seen[:3]] == ["first", "second", "third"]
    assert isinstance(seen[3], Ended)
    assert len(seen) == 4


async def test_without_redis_a_watch_polls(
    revision: Revision, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CHANNEL_LAYERS = services_settings.channel_layers("redis://127.0.0.1:1")
    away = ChannelLayerManager()["default"]
    monkeypatch.setattr(watching, "get_channel_layer", lambda: away)
    news = start(revision, after=1)
    waiting = asyncio.create_task(anext(news))

    await finish(revision)
    ended = await asyncio.wait_for(waiting, 10)

    assert isinstance(ended, Ended)


async def test_a_watcher_who_leaves_leaves_no_task_behind(revision: Revision) -> None:
    before = asyncio.all_tasks()
    news = start(revision)
    await anext(news)
    during = asyncio.all_tasks() - before

    await news.aclose()

    assert during
    assert all(task.done() for task in during if "watching" in repr(task.get_coro()))


async def test_a_quiet_build_gives_signs_of_life(revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.0)
    news = start(revision)

    seen = [await anext(news), await anext(news)]

    assert isinstance(seen[0], BuildLogLine)
    assert isinstance(seen[1], Idle)
    await news.aclose()


async def test_a_revision_of_another_tenant_cannot_be_watched(revision: Revision) -> None:
    news = watch("ten_01ARZ3NDEKTSV4RRFFQ69G5FAV", revision.id)

    with pytest.raises(RevisionNotFound):
        await anext(news)
