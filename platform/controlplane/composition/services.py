"""Endpoints: made, published, found. All of it runs inside `acting_for(tenant)`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet

from controlplane.announcements import PLANS, announce_on_commit
from controlplane.audit import services as audit
from controlplane.composition.compiler import MountedServer, compile_plan
from controlplane.composition.models import Endpoint, EndpointVersion, Mount, PlanCounter
from controlplane.registry.models import Server
from controlplane.registry.workers import manifest_of, worker_of
from mcp_runtime.ports.plans import PlanDocument
from tenants.identifiers import is_id
from tenants.principal import Principal


class EndpointNotFound(Exception):
    code = "endpoint_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"No endpoint named '{name}' in this tenant.")


def create_endpoint_for(server: Server, *, acting: Principal | None) -> Endpoint | None:
    """The endpoint of the same name, with the server mounted live; None when the name is taken by another endpoint."""
    subject = acting.subject if acting else ""
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(slug=server.slug, created_by=subject)
    except IntegrityError:
        return None
    Mount.objects.create(endpoint=endpoint, server=server)
    audit.record(
        "endpoint.created",
        tenant_id=endpoint.tenant_id,
        acting=acting,
        target=endpoint.id,
        after={"slug": endpoint.slug, "servers": [server.id]},
    )
    return endpoint


def publish_mounts_of(server: Server, *, acting: Principal | None) -> list[EndpointVersion]:
    """Publish every endpoint that follows this server. Raises CompileError, and then publishes none."""
    return _publish(Endpoint.objects.filter(mounts__server=server, mounts__pinned_revision__isnull=True), acting=acting)


def publish(endpoint: Endpoint, *, acting: Principal | None) -> EndpointVersion | None:
    """Compile the endpoint as it is and serve that. None while no server behind it is built. Raises CompileError."""
    return next(iter(_publish(Endpoint.objects.filter(pk=endpoint.pk), acting=acting)), None)


def preview(endpoint: Endpoint, *, version: int = 0) -> PlanDocument | None:
    """What publishing would serve: the same compiler on the same rows."""
    servers = list(_mounted(endpoint))
    if not servers:
        return None
    return compile_plan(
        tenant_id=endpoint.tenant_id,
        tenant=endpoint.tenant.slug,
        endpoint_id=endpoint.id,
        endpoint=endpoint.slug,
        version=version,
        servers=servers,
    )


def endpoints() -> QuerySet[Endpoint]:
    return Endpoint.objects.select_related("published", "tenant").defer("published__document")


def find_endpoint(name: str) -> Endpoint:
    """By slug or identifier. Raises EndpointNotFound."""
    key = {"id": name} if is_id(name, "ep") else {"slug": name}
    endpoint = endpoints().filter(**key).first()
    if endpoint is None:
        raise EndpointNotFound(name[:80])
    return endpoint


def endpoint_url(tenant: str, endpoint: str) -> str:
    """Where clients connect."""
    return f"{settings.STOA_PUBLIC_URL}/t/{tenant}/{endpoint}/mcp"


@transaction.atomic
def _publish(chosen: QuerySet[Endpoint], *, acting: Principal | None) -> list[EndpointVersion]:
    # Two activations that meet in two endpoints: both lock them in the same order, so neither waits for ever.
    endpoints = chosen.select_for_update(of=("self",)).select_related("tenant").order_by("id")
    versions = [version for endpoint in endpoints if (version := _next_version(endpoint, acting=acting))]
    if versions:
        PlanCounter.objects.get_or_create(pk=PlanCounter.ROW)
        PlanCounter.objects.filter(pk=PlanCounter.ROW).update(published=F("published") + len(versions))
    return versions


def _next_version(endpoint: Endpoint, *, acting: Principal | None) -> EndpointVersion | None:
    number = (endpoint.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    plan = preview(endpoint, version=number)
    if plan is None:
        return None
    before = endpoint.published_id
    version = EndpointVersion.objects.create(
        endpoint=endpoint,
        number=number,
        document=msgspec.to_builtins(plan),
        created_by=acting.subject if acting else "",
    )
    endpoint.published = version
    endpoint.save(update_fields=["published"])
    audit.record(
        "endpoint.published",
        tenant_id=endpoint.tenant_id,
        acting=acting,
        target=version.id,
        before={"published": before},
        after={"published": version.id, "number": number},
    )
    announce_on_commit(PLANS, f"{endpoint.tenant.slug}/{endpoint.slug}")
    return version


def _mounted(endpoint: Endpoint) -> Iterable[MountedServer]:
    """The servers behind an endpoint that have something to serve, in order."""
    mounts = endpoint.mounts.select_related("server__current_revision", "pinned_revision").order_by("position", "id")
    for mount in mounts:
        revision = mount.pinned_revision or mount.server.current_revision
        if revision is not None:
            yield MountedServer(
                server_id=mount.server.id,
                slug=mount.server.slug,
                kind=mount.server.kind,
                worker=worker_of(revision),
                manifest=manifest_of(revision),
            )
