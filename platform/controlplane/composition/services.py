"""Endpoints: found, made, cloned. All of it runs inside `acting_for(tenant)`.

Their drafts are in `drafts`, what turns a draft into a version in `publishing`, their versions in `history`.
"""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from controlplane.audit import services as audit
from controlplane.composition.document import Composition, of_server, read, write
from controlplane.composition.errors import EndpointExists, EndpointNotFound, InvalidEndpointName
from controlplane.composition.models import Endpoint, Mount
from controlplane.registry.models import Server
from tenants import quotas
from tenants.identifiers import is_id, is_slug
from tenants.principal import Principal
from tenants.roles import require

EMPTY = Composition(members=())


def create_endpoint_for(server: Server, *, acting: Principal | None) -> Endpoint | None:
    """The endpoint of the same name, with the server mounted live; None when the name is taken by another endpoint."""
    try:
        with transaction.atomic():
            composition = write(of_server(server.slug))
            endpoint = Endpoint.objects.create(
                slug=server.slug, composition=composition, created_by=acting.subject if acting else ""
            )
    except IntegrityError:
        return None
    Mount.objects.create(endpoint=endpoint, server=server)
    _record_creation(endpoint, composition, acting)
    return endpoint


def create_endpoint(slug: str, composition: Composition, *, acting: Principal | None) -> Endpoint:
    """A new endpoint with this as its draft. It serves nothing until it is published.

    Raises NotPermittedError, InvalidEndpointName, EndpointExists.
    """
    require(acting, "endpoints:write")
    if not is_slug(slug):
        raise InvalidEndpointName(slug)
    document = write(composition)
    quotas.check("endpoints", Endpoint.objects.count())
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(
                slug=slug,
                composition=write(EMPTY),
                draft=document,
                draft_number=1,
                created_by=acting.subject if acting else "",
            )
    except IntegrityError:
        raise EndpointExists(slug) from None
    _record_creation(endpoint, document, acting)
    return endpoint


def clone(endpoint: Endpoint, slug: str, *, acting: Principal | None) -> Endpoint:
    """A new endpoint whose draft is what this one is made of, with the changes of its draft if it has one.

    Raises NotPermittedError, InvalidEndpointName, EndpointExists.
    """
    return create_endpoint(slug, drafted(endpoint), acting=acting)


def composed(endpoint: Endpoint) -> Composition:
    """What the endpoint is made of, as published."""
    if endpoint.composition is not None:
        return read(endpoint.composition)
    mounts = endpoint.mounts.select_related("server")
    members = [member for mount in mounts for member in of_server(mount.server.slug).members]
    return Composition(members=tuple(members), names="keep")


def drafted(endpoint: Endpoint) -> Composition:
    """What it shall become: its draft, or what it is."""
    return composed(endpoint) if endpoint.draft is None else read(endpoint.draft)


def endpoints() -> QuerySet[Endpoint]:
    return Endpoint.objects.select_related("published", "tenant").defer("published__document", "published__composition")


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


def _record_creation(endpoint: Endpoint, composition: object, acting: Principal | None) -> None:
    audit.record(
        "endpoint.created",
        tenant_id=endpoint.tenant_id,
        acting=acting,
        target=endpoint.id,
        after={"slug": endpoint.slug, "composition": composition},
    )
