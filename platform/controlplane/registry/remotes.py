"""Servers that run elsewhere: saved after they were probed, refreshed when they change.

Each state of one is a revision: its address and what it offered. So endpoints follow it, history shows it and a
rollback restores it, as with code. The credential is a secret of the server and belongs to no revision.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from controlplane.audit import services as audit
from controlplane.registry import services
from controlplane.registry.activation import activate, locked
from controlplane.registry.models import Revision, Server
from controlplane.registry.probing import Found
from tenants.principal import Principal
from tenants.roles import require


def save(slug: str, found: Found, *, acting: Principal | None, always: bool = True) -> tuple[Revision, bool]:
    """Make what answered the server's current revision; the server is registered when the name is new.

    Without `always` nothing happens when that is what it is already; the second value says whether anything did.
    Raises NotPermittedError, InvalidSlug, WrongKind, CompileError when an endpoint cannot take it.
    """
    require(acting, "servers:write")
    with transaction.atomic():
        server = locked(services.registered(slug, kind=Server.Kind.REMOTE, acting=acting))
        source, manifest = _json(found.source), _json(found.manifest)
        current = server.current_revision
        if not always and current is not None and (current.source, current.manifest) == (source, manifest):
            return current, False
        return _activated(server, source, manifest, acting=acting), True


def renew(server: Server, *, acting: Principal | None) -> None:
    """The credential changed: connections that were made with the one before are used no more."""
    with transaction.atomic():
        server = locked(server)
        current = server.current_revision
        if current is not None:
            _activated(server, current.source, current.manifest, acting=acting)


def _activated(server: Server, source: Any, manifest: Any, *, acting: Principal | None) -> Revision:
    now = timezone.now()
    revision = Revision.objects.create(
        server=server,
        number=(server.revisions.aggregate(last=Max("number"))["last"] or 0) + 1,
        status=Revision.Status.SUPERSEDED,  # built, so to speak; activated below
        source=source,
        manifest=manifest,
        created_by=acting.subject if acting else "",
        finished_at=now,
    )
    audit.record(
        "revision.probed",
        tenant_id=server.tenant_id,
        acting=acting,
        target=revision.id,
        after={"server": server.id, "number": revision.number, "source": source},
    )
    activate(revision, acting=acting)
    revision.refresh_from_db()
    return revision


def _json(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
