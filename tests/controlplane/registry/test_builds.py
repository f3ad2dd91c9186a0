from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.audit.models import Entry
from controlplane.composition.models import Endpoint
from controlplane.registry import builds, services
from controlplane.registry.models import BuildLogLine, Revision
from mcp_runtime.ports.builds import BuildFailed, BuildResult
from mcp_runtime.ports.sandboxes import LoadFailed, RunnerUnavailable
from mcp_runtime.ports.workers import Manifest, Worker
from mcp_runtime.sandbox.store import Store
from tenants.context import run_acting_for
from tenants.models import Tenant
from tests.controlplane.registry.conftest import SERVER, StubRunner, tool

Bundle = Callable[[str], str]


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker here: the tests carry the build out themselves."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


def error_of(revision: Revision) -> dict[str, Any]:
    assert revision.error is not None
    return dict(revision.error)


async def submit(acme: Tenant, digest: str, **more: str) -> Revision:
    return await run_acting_for(
        acme.id,
        services.submit_revision,
        "weather",
        bundle=digest,
        file_name=more.pop("file_name", "server.py"),
        acting=None,
        **more,
    )


async def build(revision: Revision, store: Store, runner: StubRunner) -> Revision:
    await builds.build(revision.id, revision.tenant_id, store=store, connect=runner.connect)
    return await run_acting_for(revision.tenant_id, services.find_revision, revision.id)


async def test_a_build_becomes_active_and_publishes_its_endpoint(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    revision = await submit(acme, bundle(SERVER))

    revision = await build(revision, store, runner)

    assert revision.status == "active"
    assert revision.entrypoint == "server.py"
    document = await run_acting_for(acme.id, _published, "weather")
    assert document["tools"][0]["definition"]["name"] == "get_forecast"
    assert document["members"][0]["worker"]["revision_id"] == revision.id
    assert document["members"][0]["worker"]["code"] == revision.code


async def test_requirements_are_built_with_the_tenant_s_lines(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    source = '# /// script\n# dependencies = ["rich>=13"]\n# ///\n' + SERVER
    runner.result = BuildResult(dependencies="d" * 64, lock="rich==14.0 --hash=sha256:…")
    revision = await submit(acme, bundle(source))

    revision = await build(revision, store, runner)

    assert runner.requests[0].requirements == ("rich>=13",)
    assert revision.dependencies == "d" * 64
    assert revision.lock.startswith("rich==14.0")
    assert "Resolved 1 package" in await log_of(revision)


async def test_a_syntax_error_fails_with_its_line_and_the_running_revision_serves_on(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    first = await build(await submit(acme, bundle(SERVER)), store, runner)

    broken = await build(await submit(acme, bundle("def broken(:\n    pass\n")), store, runner)

    assert broken.status == "failed"
    assert error_of(broken)["code"] == "syntax_error"
    assert error_of(broken)["line"] == 1
    assert error_of(broken)["hint"]
    server = await run_acting_for(acme.id, services.find_server, "weather")
    assert server.current_revision_id == first.id
    assert (await run_acting_for(acme.id, services.find_revision, first.id)).status == "active"


@pytest.mark.parametrize(
    ("where", "error", "code"),
    [
        (
            "describe_error",
            LoadFailed("It raised.", detail="Traceback\nValueError: x\0", line=7, hint="Fix"),
            "load_failed",
        ),
        ("describe_error", RunnerUnavailable("No runner."), "sandbox_unavailable"),
        ("build_error", BuildFailed("No wheel.", code="no_wheel", hint="Pin", detail="uv said so"), "no_wheel"),
    ],
)
async def test_each_failure_is_stored_with_code_and_hint(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner, where: str, error: Exception, code: str
) -> None:
    setattr(runner, where, error)
    source = '# /// script\n# dependencies = ["rich"]\n# ///\n' + SERVER
    revision = await submit(acme, bundle(source))

    revision = await build(revision, store, runner)

    assert revision.status == "failed"
    assert error_of(revision)["code"] == code
    assert error_of(revision)["hint"]
    assert f"error: {error_of(revision)['message']}" in await log_of(revision)


async def test_a_failure_of_ours_fails_the_revision_and_is_raised_for_the_log(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    runner.describe_error = ZeroDivisionError()
    revision = await submit(acme, bundle(SERVER))

    with pytest.raises(ZeroDivisionError):
        await build(revision, store, runner)

    revision = await run_acting_for(acme.id, services.find_revision, revision.id)
    assert error_of(revision)["code"] == "internal_error"


async def test_a_redelivered_build_of_a_finished_revision_does_nothing(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    revision = await build(await submit(acme, bundle(SERVER)), store, runner)
    entries = await run_acting_for(acme.id, Entry.objects.count)

    again = await build(revision, store, runner)

    assert len(runner.workers) == 1
    assert again.attempt == 1
    assert await run_acting_for(acme.id, Entry.objects.count) == entries


async def expire_lease(revision: Revision) -> None:
    """As if its builder had been dead for a while."""
    past = timezone.now() - timedelta(seconds=1)
    await run_acting_for(revision.tenant_id, lambda: Revision.objects.update(leased_until=past))


async def test_a_message_that_comes_again_during_the_build_disturbs_nobody(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    revision = await submit(acme, bundle(SERVER))
    claimed = await run_acting_for(acme.id, builds._claim, revision.id)

    again = await run_acting_for(acme.id, builds._claim, revision.id)

    assert claimed is not None
    assert again is None


async def test_an_overtaken_attempt_cannot_write_the_outcome(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    revision = await submit(acme, bundle(SERVER))
    claimed = await run_acting_for(acme.id, builds._claim, revision.id)
    assert claimed is not None
    await expire_lease(revision)
    await build(revision, store, runner)

    await run_acting_for(acme.id, builds._fail, claimed, builds._OUR_FAULT)

    found = await run_acting_for(acme.id, services.find_revision, revision.id)
    assert (found.status, found.attempt) == ("active", 2)


async def test_a_living_builder_keeps_its_lease(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "RENEW_SECONDS", 0.01)
    revision = await submit(acme, bundle(SERVER))
    renewed: list[bool] = []

    async def renewals(worker: Worker) -> None:
        await expire_lease(revision)
        while not renewed:
            await asyncio.sleep(0.01)
            found = await run_acting_for(acme.id, services.find_revision, revision.id)
            if found.leased_until and found.leased_until > timezone.now():
                renewed.append(True)

    runner.on_describe = renewals
    revision = await build(revision, store, runner)

    assert renewed
    assert revision.status == "active"


async def test_a_newer_revision_that_was_built_first_stays_active(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    older = await submit(acme, bundle(SERVER))
    newer = await submit(acme, bundle(SERVER + "# newer\n"))

    newer = await build(newer, store, runner)
    older = await build(older, store, runner)

    assert (newer.status, older.status) == ("active", "superseded")
    server = await run_acting_for(acme.id, services.find_server, "weather")
    assert server.current_revision_id == newer.id


async def test_a_revision_whose_workers_keep_dying_is_given_up(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    revision = await submit(acme, bundle(SERVER))
    for _ in range(builds.MAX_ATTEMPTS):
        await run_acting_for(acme.id, builds._claim, revision.id)
        await expire_lease(revision)

    revision = await build(revision, store, runner)

    assert revision.status == "failed"
    assert error_of(revision)["code"] == "build_crashed"


async def test_a_manifest_with_two_tools_of_one_name_is_refused(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    runner.manifest = Manifest(name="weather", tools=[tool("same"), tool("same")])

    revision = await build(await submit(acme, bundle(SERVER)), store, runner)

    assert error_of(revision)["code"] == "duplicate_component"


async def test_the_log_is_bounded_in_lines_and_bytes(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    async def flood(request: object, on_line: Callable[[str], None]) -> BuildResult:
        on_line("x" * 200_000)
        for number in range(BuildLogLine.MAX_LINES + 100):
            on_line(f"line {number}\0")
        return BuildResult()

    runner.build = flood  # type: ignore[method-assign]
    source = '# /// script\n# dependencies = ["rich"]\n# ///\n' + SERVER
    revision = await build(await submit(acme, bundle(source)), store, runner)

    lines = await log_of(revision)

    assert len(lines) == BuildLogLine.MAX_LINES + 1
    assert "The log ends here" in lines[-1]
    assert max(len(line.encode()) for line in lines) <= BuildLogLine.MAX_BYTES


async def test_rolling_back_points_at_the_revision_before_and_republishes(
    acme: Tenant, store: Store, bundle: Bundle, runner: StubRunner
) -> None:
    first = await build(await submit(acme, bundle(SERVER)), store, runner)
    await build(await submit(acme, bundle(SERVER + "# second\n")), store, runner)
    server = await run_acting_for(acme.id, services.find_server, "weather")

    await run_acting_for(acme.id, services.roll_back, server, acting=None)

    document = await run_acting_for(acme.id, _published, "weather")
    assert document["members"][0]["worker"]["revision_id"] == first.id
    assert document["version"] == 3
    actions = await run_acting_for(acme.id, lambda: list(Entry.objects.values_list("action", flat=True)))
    assert "revision.rolled_back" in actions


async def log_of(revision: Revision) -> list[str]:
    lines = await run_acting_for(revision.tenant_id, services.log_lines, revision.id, limit=100_000)
    return [line.text for line in lines]


def _published(slug: str) -> Any:
    endpoint = Endpoint.objects.select_related("published").get(slug=slug)
    assert endpoint.published
    return endpoint.published.document
