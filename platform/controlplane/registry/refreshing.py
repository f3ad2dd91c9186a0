"""Ask servers that run elsewhere what they offer now, and note how they are.

Endpoints follow what changed, and their clients are told that lists changed. A server that does not answer keeps what
it offered before: its calls say what is wrong, and so does its health.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from controlplane.registry import remotes, runners
from controlplane.registry.errors import BuildFailure, RegistryError
from controlplane.registry.models import Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.probing import probe
from controlplane.registry.source import CREDENTIAL, read_source
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for, run_acting_for

WAIT_SECONDS = 240.0
"""A refresh that waited so long is not worth it any more: the next one is due."""

log = logging.getLogger(__name__)

REFUSED = "upstream_refused"


@shared_task(name="registry.refresh_servers")
def refresh_servers() -> None:
    """Queue the servers elsewhere that nobody asked for a while."""
    for tenant_id, server_id in _due():
        with acting_for(tenant_id):
            Server.objects.filter(pk=server_id).update(checked_at=timezone.now())
        refresh_server.apply_async(kwargs={"tenant_id": tenant_id, "server_id": server_id}, expires=WAIT_SECONDS)


@shared_task(name="registry.refresh_server")
def refresh_server(*, tenant_id: str, server_id: str) -> None:
    """Ask one server what it offers now. Delivered twice, it is asked twice."""
    asyncio.run(refresh(tenant_id, server_id))


async def refresh(tenant_id: str, server_id: str) -> None:
    """Does nothing for a server that is gone, or runs here."""
    server = await run_acting_for(tenant_id, _find, server_id)
    if server is None or server.current_revision is None:
        return
    health: dict[str, object] | None = {"ok": True, "code": "", "message": ""}
    try:
        if server.kind == Server.Kind.REMOTE:
            await _refresh_remote(server)
        elif server.kind == Server.Kind.OPENAPI:
            await _sync_api(server)
    except (RegistryError, BuildFailure) as error:
        log.info("Server %s of %s: %s.", server.slug, tenant_id, error.code)
        # Callers with credentials of their own may well be let in, where we have none to show.
        unknown = error.code == REFUSED and server.kind == Server.Kind.REMOTE and not _has_credential(server)
        health = None if unknown else {"ok": False, "code": error.code, "message": error.message[:500]}
    await run_acting_for(tenant_id, _note, server_id, health)


async def _refresh_remote(server: Server) -> None:
    assert server.current_revision is not None
    source = read_source(server.current_revision.source)
    secret = (await _secrets(server)).get(CREDENTIAL) if source.header else None
    found = await probe(source, secret, networks=_networks())

    def save() -> None:
        remotes.save(server.slug, found, acting=None, always=False)

    await run_acting_for(server.tenant_id, save)


async def _sync_api(server: Server) -> None:
    said, pinned = apis.settings_of(server)
    if not said.url:
        return
    looked = await apis.looked_at(said, None, networks=_networks(), pinned=pinned)

    def save() -> None:
        apis.save(server.slug, looked, Store(Path(settings.STOA_STORE)), acting=None, always=False)

    await run_acting_for(server.tenant_id, save)


async def _secrets(server: Server) -> Mapping[str, str]:
    opener = runners.secrets()
    return {} if opener is None else await opener.environment(server.tenant_id, server.id)


def _has_credential(server: Server) -> bool:
    assert server.current_revision is not None
    return read_source(server.current_revision.source).header is not None


def _networks() -> Sequence[str]:
    networks: Sequence[str] = settings.STOA_FETCH_NETWORKS
    return networks


def _find(server_id: str) -> Server | None:
    return Server.objects.select_related("current_revision").filter(pk=server_id).first()


def _note(server_id: str, health: dict[str, object] | None) -> None:
    Server.objects.filter(pk=server_id).update(health=health, checked_at=timezone.now())


def _due() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, server_id FROM public.registry_due_servers()")
        return cursor.fetchall()
