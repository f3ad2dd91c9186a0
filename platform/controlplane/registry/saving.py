"""Servers that nobody builds: each state of one is a revision, made in one step and active at once.

So endpoints follow it, history shows it and a rollback restores it, as with code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from controlplane.audit import services as audit
from controlplane.registry import services
from controlplane.registry.activation import activate, locked
from controlplane.registry.models import Revision, Server
from mcp_runtime.ports.workers import Manifest
from tenants.principal import Principal
from tenants.roles import require


@dataclass(frozen=True, slots=True)
class State:
    """What a revision is made of."""

    source: object
    """Where its components come from, and what people said about it."""
    manifest: Manifest
    serving: object = None
    bundle: str = ""
    """The digest of a document in the store."""
    file_name: str = ""


def save(
    slug: str, kind: Server.Kind, state: State, *, acting: Principal | None, always: bool = True
) -> tuple[Revision, bool]:
    """Make this the server's current revision; the server is registered when the name is new.

    Without `always` nothing happens when that is what it is already; the second value says whether anything did.
    Raises NotPermittedError, InvalidSlug, WrongKind, CompileError when an endpoint cannot take it.
    """
    require(acting, "servers:write")
    with transaction.atomic():
        server = locked(services.registered(slug, kind=kind, acting=acting))
        fields = {
            "source": _json(state.source),
            "manifest": _json(state.manifest),
            "serving": _json(state.serving),
            "bundle": state.bundle,
            "file_name": state.file_name,
        }
        current = server.current_revision
        if not always and current is not None and all(getattr(current, name) == fields[name] for name in _COMPARED):
            return current, False
        return _activated(server, fields, acting=acting), True


def renew(server: Server, *, acting: Principal | None) -> None:
    """The credential changed: connections that were made with the one before are used no more."""
    with transaction.atomic():
        server = locked(server)
        current = server.current_revision
        if current is not None:
            _activated(server, {name: getattr(current, name) for name in _KEPT}, acting=acting)


def _activated(server: Server, fields: dict[str, Any], *, acting: Principal | None) -> Revision:
    revision = Revision.objects.create(
        server=server,
        number=(server.revisions.aggregate(last=Max("number"))["last"] or 0) + 1,
        status=Revision.Status.SUPERSEDED,  # built, so to speak; activated below
        created_by=acting.subject if acting else "",
        finished_at=timezone.now(),
        **fields,
    )
    audit.record(
        "revision.probed" if server.kind == Server.Kind.REMOTE else "revision.imported",
        tenant_id=server.tenant_id,
        acting=acting,
        target=revision.id,
        after={"server": server.id, "number": revision.number, "source": fields["source"]},
    )
    activate(revision, acting=acting)
    Server.objects.filter(pk=server.pk).update(health=None)  # what was known of it was of the one before
    revision.refresh_from_db()
    return revision


def _json(value: object) -> Any:
    return None if value is None else msgspec.json.decode(msgspec.json.encode(value))


_COMPARED = ("source", "manifest", "serving")
_KEPT = ("source", "manifest", "serving", "bundle", "file_name")
