"""Build a revision: unpack, find the entrypoint, install, load it once in a sandbox, activate.

Every step can be done twice with the same outcome, so a message that Celery delivers again is harmless. Each attempt
takes the next number; an attempt that has been overtaken can no longer write (its number is the fencing token).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from controlplane.audit import services as audit
from controlplane.registry import manifests, sources
from controlplane.registry.activation import activate, locked
from controlplane.registry.buildlog import BuildLog, wake
from controlplane.registry.commands import line
from controlplane.registry.errors import BuildFailure, SourceError
from controlplane.registry.models import Revision
from controlplane.registry.workers import worker_of
from mcp_runtime.ports.builds import BuildFailed, BuildRequest, BuildResult, LineSink
from mcp_runtime.ports.sandboxes import LoadFailed, SandboxError
from mcp_runtime.ports.workers import Manifest, Worker
from mcp_runtime.sandbox.bundle import BundleError
from mcp_runtime.sandbox.store import Store
from tenants.context import run_acting_for

BUILD_SECONDS = 600.0
"""All steps together. Below Celery's soft limit, so that a slow build fails with its own words."""
LEASE_SECONDS = 30.0
"""A builder that says nothing for so long is dead, and its revision may be taken over."""
RENEW_SECONDS = 8.0
MAX_ATTEMPTS = 3
"""After so many workers died over one revision, it is the revision."""
MAX_DETAIL = 8 * 1024

_NEVER = datetime.min.replace(tzinfo=UTC)
_OUR_FAULT = BuildFailure(
    "The platform failed while it built the revision.",
    code="internal_error",
    hint="Deploy again. If it stays, the operator finds the reason in the worker's log.",
)

logger = logging.getLogger(__name__)


class Runner(Protocol):
    """What a build asks of the sandbox."""

    async def build(self, request: BuildRequest, on_line: LineSink) -> BuildResult: ...

    async def describe(self, worker: Worker) -> Manifest: ...


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of a build, in the form the revision stores."""

    code: str
    entrypoint: str
    dependencies: str
    lock: str
    manifest: dict[str, object]


async def build(
    revision_id: str, tenant_id: str, *, store: Store, connect: Callable[[], AbstractAsyncContextManager[Runner]]
) -> None:
    """Build and activate. Does nothing when the revision is finished, gone, or being built by another worker.

    `connect` opens the way to a runner.
    """
    revision = await run_acting_for(tenant_id, _claim, revision_id)
    if revision is not None:
        renewing = asyncio.create_task(_renew_lease(revision))
        try:
            await _attempt(revision, store=store, connect=connect)
        except Exception:
            # A fault of ours. Whoever deployed must not wait for ever; the worker's log has the traceback.
            await run_acting_for(tenant_id, _fail, revision, _OUR_FAULT)
            raise
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
    await wake(revision_id)


async def _attempt(
    revision: Revision, *, store: Store, connect: Callable[[], AbstractAsyncContextManager[Runner]]
) -> None:
    """Carry one attempt through to active, superseded or failed."""
    failure: BuildFailure | None = None
    async with BuildLog(revision.tenant_id, revision.id) as log:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                async with connect() as runner:
                    built = await _steps(revision, store=store, runner=runner, log=log)
        except (BuildFailure, BundleError, BuildFailed, SandboxError, TimeoutError) as error:
            failure = _failure(error)
            _report(log, failure)
    if failure is None:
        try:
            await run_acting_for(revision.tenant_id, _finish, revision, built)
        except BuildFailure as error:  # an endpoint that mounts the server cannot be compiled with this revision
            failure = error
            async with BuildLog(revision.tenant_id, revision.id) as log:
                _report(log, failure)
    if failure is not None:
        await run_acting_for(revision.tenant_id, _fail, revision, failure)
    outcome = failure.code if failure else "built"
    logger.info("Revision %s of %s in %s: %s.", revision.number, revision.server.slug, revision.tenant_id, outcome)


async def _steps(revision: Revision, *, store: Store, runner: Runner, log: BuildLog) -> Built:
    if revision.attempt > 1:
        log.write(f"Attempt {revision.attempt}: the worker before did not finish.")
    log.write(f"Building revision {revision.number} of {revision.server.slug}.")
    code, source = await asyncio.to_thread(_unpack, revision, store)
    log.write(f"Command: {line(revision.command)}" if revision.command else f"Entrypoint: {source.entrypoint}")

    result = BuildResult()
    wanted = source.dependencies
    if source.package_json is not None:
        request = BuildRequest(
            revision.tenant_id,
            own_process=True,
            package_json=source.package_json,
            package_lock=source.package_lock,
        )
        result = await runner.build(request, on_line=log.write)
    elif wanted.requirements:
        log.write(f"Installing {len(wanted.requirements)} requirement(s) of {wanted.origin}.")
        own = bool(revision.command)
        request = BuildRequest(revision.tenant_id, wanted.requirements, wanted.requires_python, own_process=own)
        result = await runner.build(request, on_line=log.write)
    else:
        log.write("No dependencies to install.")

    log.write("Loading the server in a sandbox.")
    revision.code, revision.entrypoint = code, source.entrypoint
    revision.dependencies, revision.lock = result.dependencies or "", result.lock
    manifest = await runner.describe(worker_of(revision))
    document = manifests.check(manifest)
    log.write(
        f"Found {len(manifest.tools)} tool(s), {len(manifest.resources)} resource(s),"
        f" {len(manifest.resource_templates)} template(s), {len(manifest.prompts)} prompt(s)."
    )
    log.write(f"Activating revision {revision.number}.")
    return Built(code, source.entrypoint, revision.dependencies, revision.lock, document)


def _unpack(revision: Revision, store: Store) -> tuple[str, sources.Source]:
    try:
        with store.path("bundles", revision.bundle).open("rb") as file:
            unpacked = store.add_code(file, revision.file_name)
    except FileNotFoundError as error:
        raise SourceError(
            "The uploaded bundle is no longer in the store.", code="bundle_missing", hint="Deploy it again."
        ) from error
    if revision.command:
        return unpacked.digest, sources.inspect_command(store.path("code", unpacked.digest))
    entrypoint = revision.requested_entrypoint
    if unpacked.wrapper:
        entrypoint = entrypoint.removeprefix(f"{unpacked.wrapper}/")
    return unpacked.digest, sources.inspect(store.path("code", unpacked.digest), entrypoint or None)


def _claim(revision_id: str) -> Revision | None:
    """Take the next attempt. None when there is nothing to do."""
    revision = Revision.objects.select_for_update(of=("self",)).filter(pk=revision_id).first()
    if revision is None or revision.finished:
        return None
    if revision.status == Revision.Status.BUILDING and (revision.leased_until or _NEVER) > timezone.now():
        return None  # its builder lives; should it die, `resume_builds` asks again
    if revision.attempt >= MAX_ATTEMPTS:
        _store_failure(
            revision,
            BuildFailure(
                f"The build was started {MAX_ATTEMPTS} times, and its worker died each time.",
                code="build_crashed",
                hint="Deploy a smaller bundle, or ask the operator for the worker's log.",
            ),
        )
        return None
    Revision.objects.filter(pk=revision.pk).update(
        status=Revision.Status.BUILDING, attempt=F("attempt") + 1, leased_until=_lease()
    )
    return Revision.objects.select_related("server").get(pk=revision.pk)


async def _renew_lease(revision: Revision) -> None:
    """Say that we live, for as long as nobody else has taken the revision over."""

    def renew() -> int:
        return _of_this_attempt(revision).update(leased_until=_lease())

    ours = True
    while ours:
        await asyncio.sleep(RENEW_SECONDS)
        ours = bool(await run_acting_for(revision.tenant_id, renew))


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


def _finish(revision: Revision, built: Built) -> None:
    """Store what was built and activate it, unless a newer revision has served already."""
    server = locked(revision.server)
    changed = _of_this_attempt(revision).update(
        status=Revision.Status.SUPERSEDED,
        code=built.code,
        entrypoint=built.entrypoint,
        dependencies=built.dependencies,
        lock=built.lock,
        manifest=built.manifest,
        finished_at=timezone.now(),
    )
    if not changed:
        return
    audit.record(
        "revision.built",
        tenant_id=server.tenant_id,
        acting=None,
        target=revision.id,
        after={"code": built.code, "dependencies": built.dependencies, "entrypoint": built.entrypoint},
    )
    newer = server.revisions.filter(number__gt=revision.number, activated_at__isnull=False)
    if not newer.exists():
        activate(Revision.objects.select_related("server").get(pk=revision.pk), acting=None)


def _fail(revision: Revision, failure: BuildFailure) -> None:
    with transaction.atomic():
        if _of_this_attempt(revision).exists():
            _store_failure(revision, failure)


def _store_failure(revision: Revision, failure: BuildFailure) -> None:
    """The pointer of the server is not touched: what served before serves on."""
    error = {key: _storable(value) for key, value in failure.as_json().items()}
    unfinished = Revision.objects.filter(pk=revision.pk).exclude(status__in=Revision.FINISHED)
    unfinished.update(status=Revision.Status.FAILED, error=error, finished_at=timezone.now())
    audit.record(
        "revision.failed",
        tenant_id=revision.tenant_id,
        acting=None,
        target=revision.id,
        after={"code": failure.code, "message": failure.message},
    )


def _of_this_attempt(revision: Revision) -> QuerySet[Revision]:
    return Revision.objects.select_for_update(of=("self",)).filter(
        pk=revision.pk, attempt=revision.attempt, status=Revision.Status.BUILDING
    )


def _failure(error: Exception) -> BuildFailure:
    match error:
        case BuildFailure():
            return error
        case BundleError() | BuildFailed():
            detail = error.detail if isinstance(error, BuildFailed) else ""
            return BuildFailure(error.message, code=error.code, hint=error.hint, detail=detail)
        case LoadFailed():
            return BuildFailure(
                error.message, code=error.code, hint=error.hint, line=error.line, detail=error.detail[-MAX_DETAIL:]
            )
        case SandboxError():
            hint = "The platform's sandbox refused or failed. Try again; if it stays, the operator sees why in its log."
            return BuildFailure(error.message, code=error.code, hint=hint)
        case _:
            return BuildFailure(
                f"The build took longer than {BUILD_SECONDS:.0f} s.",
                code="build_timeout",
                hint="Install fewer or smaller packages.",
            )


def _report(log: BuildLog, failure: BuildFailure) -> None:
    """One line: detail and hint stand on the revision, where pages and the command show them."""
    log.write(f"error: {failure.message}")


def _storable(value: object) -> object:
    """PostgreSQL's JSON stores no NUL and no half of a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode()
    return value
