"""Celery tasks of the registry. They carry identifiers, nothing else, and a redelivery is harmless."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.dispatch import receiver
from django.utils import timezone

from controlplane.registry import builds, runners
from controlplane.registry.models import Revision, Server
from controlplane.registry.signals import revision_activated
from mcp_runtime.ports.sandboxes import SandboxError
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for

log = logging.getLogger(__name__)


@shared_task(name="registry.build_revision")
def build_revision(*, revision_id: str, tenant_id: str) -> None:
    """Build one revision and activate it. Delivered twice, the second finds it finished, or takes it over."""
    store = Store(settings.STOA_STORE)
    store.prepare()
    asyncio.run(builds.build(revision_id, tenant_id, store=store, connect=runners.connected))


@shared_task(name="registry.retire_workers")
def retire_workers(*, server_id: str, keep: str | None = None) -> None:
    """Let running workers of a server end: after a deploy all but those of revision `keep`, after new secrets all."""
    asyncio.run(_retire(server_id, keep))


@receiver(revision_activated)
def let_the_others_end(*, server: Server, revision: Revision, **unused: object) -> None:
    """Workers of the revision before finish what they are doing, and no more."""
    retire_on_commit(server, keep=revision.id)


def retire_on_commit(server: Server, *, keep: str | None = None) -> None:
    """A broker that is away costs nothing but time: an idle worker ends by itself."""
    transaction.on_commit(partial(retire_workers.delay, server_id=server.id, keep=keep), robust=True)


@shared_task(name="registry.resume_builds")
def resume_builds() -> None:
    """Queue what is waiting although nobody works on it: the broker was away, or a worker died with it."""
    for tenant_id, revision_id in _stuck():
        with acting_for(tenant_id):
            Revision.objects.filter(pk=revision_id).update(queued_at=timezone.now())
        log.warning("Queueing the build of %s again: nobody works on it.", revision_id)
        build_revision.delay(revision_id=revision_id, tenant_id=tenant_id)


def _stuck() -> list[tuple[str, str]]:
    """Tenant and revision; a function of the schema's owner looks across tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, revision_id FROM public.registry_stuck_builds()")
        return cursor.fetchall()


async def _retire(server_id: str, keep: str | None) -> None:
    async with runners.connected() as runner:
        try:
            await runner.retire(server_id, keep=keep)
        except SandboxError as error:  # without a runner there is no worker either
            log.info("No workers of %s were retired: %s", server_id, error)
