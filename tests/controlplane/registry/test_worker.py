"""Builds and refreshes in a Celery worker of its own process, over a real broker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from controlplane.asgi import Stoa, application
from controlplane.audit.models import Entry
from controlplane.celery import app
from controlplane.keys.services import create_key
from controlplane.registry import remotes, services, tasks
from controlplane.registry.models import Revision
from controlplane.registry.probing import probe
from controlplane.registry.source import Source
from mcp_runtime.client import Client
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for, run_acting_for
from tenants.models import Tenant
from tests.contract.serving import listening, served
from tests.support import wait_until, wait_until_async

ROOT = Path(__file__).parents[3]
HERE = "127.0.0.0/8"
BROKEN = b"def broken(:\n"
"""Fails before the sandbox is asked: these tests are about the way to the worker."""


@pytest.fixture(scope="module")
def worker(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Started by the first test, with the tests' own database and broker in its environment."""
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    command = [sys.executable, "-m", "celery", "--app=controlplane.celery", "worker", "--pool=solo", "--loglevel=INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle"],
            cwd=ROOT,
            env={**os.environ, "STOA_FETCH_NETWORKS": HERE},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: b"ready." in log.read_bytes() or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def bundle(acme: Tenant) -> str:
    store = Store(Path(settings.STOA_STORE))
    store.prepare()
    return store.add_bundle(BytesIO(BROKEN))


def submit(acme: Tenant, bundle: str) -> Revision:
    with acting_for(acme.id):
        return services.submit_revision("weather", bundle=bundle, file_name="server.py", acting=None)


def finished(acme: Tenant, revision: Revision) -> Revision | None:
    with acting_for(acme.id):
        found = Revision.objects.get(pk=revision.pk)
    return found if found.finished else None


def test_a_deploy_reaches_the_worker_once_it_is_committed(acme: Tenant, bundle: str, worker: None) -> None:
    revision = submit(acme, bundle)

    built = wait_until(lambda: finished(acme, revision), 30)

    assert built.error is not None
    assert built.error["code"] == "syntax_error"
    with acting_for(acme.id):
        assert services.log_lines(built.id)[-1].text.startswith("error: ")


def test_a_deploy_that_is_rolled_back_reaches_nobody(acme: Tenant, bundle: str, worker: None) -> None:
    with acting_for(acme.id):
        services.submit_revision("weather", bundle=bundle, file_name="server.py", acting=None)
        transaction.set_rollback(True)
    after = submit(acme, bundle)

    built = wait_until(lambda: finished(acme, after), 30)

    assert built.number == 1
    with acting_for(acme.id):
        assert Revision.objects.count() == 1


def test_a_message_that_comes_twice_has_one_outcome(acme: Tenant, bundle: str, worker: None) -> None:
    revision = submit(acme, bundle)
    for _ in range(3):
        tasks.build_revision.delay(revision_id=revision.id, tenant_id=acme.id)
    later = submit(acme, bundle)

    wait_until(lambda: finished(acme, later), 30)

    with acting_for(acme.id):
        assert Entry.objects.filter(action="revision.failed", target=revision.id).count() == 1
        assert Revision.objects.get(pk=revision.pk).attempt == 1


def test_a_build_whose_message_was_lost_is_queued_again(acme: Tenant, bundle: str, worker: None) -> None:
    revision = submit(acme, "0" * 64)
    wait_until(lambda: finished(acme, revision), 30)
    with acting_for(acme.id):
        long_ago = timezone.now() - timedelta(minutes=5)
        Revision.objects.update(status="queued", attempt=0, error=None, bundle=bundle, queued_at=long_ago)

    tasks.resume_builds.delay()

    built = wait_until(lambda: finished(acme, revision), 30)
    assert built.error is not None
    assert built.error["code"] == "syntax_error"


def test_a_build_whose_worker_died_is_taken_over(acme: Tenant, bundle: str, worker: None) -> None:
    revision = submit(acme, "0" * 64)
    wait_until(lambda: finished(acme, revision), 30)
    with acting_for(acme.id):
        past = timezone.now() - timedelta(minutes=5)
        Revision.objects.update(status="building", attempt=1, bundle=bundle, queued_at=past, leased_until=past)

    tasks.resume_builds.delay()

    built = wait_until(lambda: finished(acme, revision), 30)
    assert built.attempt == 2


def test_a_build_that_is_being_worked_on_is_left_alone(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: sent.append(ids))
    submit(acme, "0" * 64)
    sent.clear()
    with acting_for(acme.id):
        now, past = timezone.now(), timezone.now() - timedelta(minutes=5)
        Revision.objects.update(status="building", queued_at=past, leased_until=now + timedelta(seconds=20))

    tasks.resume_builds()

    assert sent == []


def test_messages_carry_identifiers_and_nothing_else(
    acme: Tenant, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[object, object]] = []

    def note(task: object, args: object, kwargs: object, **more: object) -> None:
        sent.append((args, kwargs))

    monkeypatch.setattr("celery.app.task.Task.apply_async", note)

    revision = submit(acme, bundle)

    assert sent == [((), {"revision_id": revision.id, "tenant_id": acme.id})]


def test_beat_looks_for_builds_that_nobody_works_on() -> None:
    assert app.conf.beat_schedule["resume-builds"]["task"] == tasks.resume_builds.name


async def test_what_a_server_elsewhere_changes_reaches_the_clients_that_listen(
    acme: Tenant, worker: None, settings: Settings
) -> None:
    settings.STOA_FETCH_NETWORKS = (HERE,)
    stoa = Stoa(application._http, application._websocket)  # which looks at the settings when it starts
    heard: list[str] = []
    async with served(_growing()) as url, listening(stoa) as address:
        found = await probe(Source(url=url), None, networks=(HERE,))
        await run_acting_for(acme.id, lambda: remotes.save("far", found, acting=None))
        key = await run_acting_for(acme.id, lambda: create_key("test", scopes=["mcp:call"], acting=None).token)
        far = StreamableHttpTransport(f"{address}/t/acme/far/mcp", auth=key)
        async with Client(far, message_handler=lambda message: heard.append(message.method)) as client:
            await client.call_tool("grow")
            await wait_until_async(lambda: "notifications/tools/list_changed" in heard, 60)
            names = {tool.name for tool in await client.list_tools()}

    assert names == {"grow", "grown"}


def _growing() -> FastMCP:
    mcp = FastMCP("elsewhere")

    @mcp.tool
    async def grow(ctx: Context) -> str:
        mcp.tool(lambda: "here", name="grown")
        await ctx.send_tool_list_changed()
        return "grown"

    return mcp
