"""Which revision of a server serves: one pointer, moved in one transaction together with its record."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from controlplane.audit import services as audit
from controlplane.registry import signals
from controlplane.registry.errors import NotActivatable
from controlplane.registry.models import Revision, Server
from tenants.principal import Principal
from tenants.roles import require


def activate(revision: Revision, *, acting: Principal | None, action: str = "revision.activated") -> None:
    """Make a built revision the one that serves. Raises NotActivatable, NotPermittedError.

    The apps above hear of it inside the transaction (`signals.revision_activated`): if an endpoint cannot be compiled
    with this revision, the pointer does not move.
    """
    require(acting, "servers:write")
    with transaction.atomic():
        server = locked(revision.server)
        revision = Revision.objects.select_for_update(of=("self",)).select_related("server").get(pk=revision.pk)
        if revision.status not in Revision.BUILT:
            raise NotActivatable(revision.number, revision.status)
        before = server.current_revision_id
        if before == revision.id:
            return
        server.revisions.filter(status=Revision.Status.ACTIVE).update(status=Revision.Status.SUPERSEDED)
        revision.status = Revision.Status.ACTIVE
        revision.activated_at = revision.activated_at or timezone.now()
        revision.save(update_fields=["status", "activated_at"])
        server.current_revision = revision
        server.save(update_fields=["current_revision"])
        audit.record(
            action,
            tenant_id=server.tenant_id,
            acting=acting,
            target=revision.id,
            before={"current_revision": before},
            after={"current_revision": revision.id},
        )
        signals.revision_activated.send(Server, server=server, revision=revision, acting=acting)


def locked(server: Server) -> Server:
    """The row of the server, held until the transaction ends: deploys, activations and rollbacks take turns."""
    return Server.objects.select_for_update(of=("self",)).select_related("current_revision").get(pk=server.pk)
