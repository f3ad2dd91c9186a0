"""The end of an endpoint or a server that a configuration no longer names. Inside `acting_for(tenant)`."""

from __future__ import annotations

import contextlib
from functools import partial

from django.db import transaction

from controlplane.announcements import PLANS, announce_on_commit
from controlplane.audit import services as audit
from controlplane.composition.endings import forget_files
from controlplane.composition.models import Endpoint, Mount
from controlplane.connections import upstreams
from controlplane.connections.errors import NoUpstreamLogin
from controlplane.declarative.errors import InvalidConfiguration
from controlplane.declarative.models import Expectation
from controlplane.registry.models import Server
from controlplane.registry.tasks import retire_on_commit
from controlplane.vault import services as vault
from mcp_runtime.sandbox.store import Kind
from tenants.principal import Principal
from tenants.roles import require

_KINDS: tuple[tuple[Kind, str], ...] = (("bundles", "bundle"), ("code", "code"), ("dependencies", "dependencies"))


def remove_endpoint(endpoint: Endpoint, *, acting: Principal) -> None:
    """With its versions, and the logins for it. Clients find nothing there within a second."""
    require(acting, "endpoints:write")
    before = {"slug": endpoint.slug, "composition": endpoint.composition}
    audit.record("endpoint.deleted", tenant_id=endpoint.tenant_id, acting=acting, target=endpoint.id, before=before)
    announce_on_commit(PLANS, f"{endpoint.tenant.slug}/{endpoint.slug}")
    Endpoint.objects.filter(pk=endpoint.pk).update(published=None)  # the row protects what it points at
    Endpoint.objects.get(pk=endpoint.pk).delete()


def remove_server(server: Server, *, acting: Principal) -> None:
    """With its revisions, secrets and connections. Raises InvalidConfiguration while an endpoint has it."""
    require(acting, "servers:write")
    require(acting, "secrets:write")
    mount = Mount.objects.select_related("endpoint").filter(server=server).first()
    if mount is not None:
        raise InvalidConfiguration(
            f"The server '{server.slug}' is a member of the endpoint '{mount.endpoint.slug}', and not in the document.",
            "$.servers",
            "Name the server, or take it out of the endpoint.",
        )
    for info in vault.list_secrets(server.id, acting=None):
        vault.delete_secret(server.id, info.name, acting=acting)
    with contextlib.suppress(NoUpstreamLogin):  # callers log in nowhere
        upstreams.remove(server.id, acting=acting)
    Expectation.objects.filter(server_id=server.id).delete()
    before = {"slug": server.slug, "kind": server.kind, "hosts": server.hosts}
    audit.record("server.deleted", tenant_id=server.tenant_id, acting=acting, target=server.id, before=before)
    retire_on_commit(server)
    files = {
        kind: sorted(set(server.revisions.exclude(**{column: ""}).values_list(column, flat=True)))
        for kind, column in _KINDS
    }
    transaction.on_commit(partial(forget_files.delay, digests=files), robust=True)
    Server.objects.filter(pk=server.pk).update(current_revision=None)  # the row protects what it points at
    Server.objects.get(pk=server.pk).delete()
