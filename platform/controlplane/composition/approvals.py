"""What was decided about the definitions of an endpoint's members: approved ones, and those that were refused.

An endpoint that holds changes approves of a member as it is when a person publishes it with that member; what the
server says after that is held, until somebody approves or refuses it (`publishing.decide`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from controlplane.audit import services as audit
from controlplane.composition import services
from controlplane.composition.document import Composition
from controlplane.composition.errors import NotHeld
from controlplane.composition.holding import Decided, Decisions, Definition, Held, definitions_of, digest_of
from controlplane.composition.models import Decision, Endpoint
from mcp_runtime.ports.workers import Manifest
from tenants.principal import Principal


def decisions_of(endpoint: Endpoint, composition: Composition) -> Mapping[str, Decisions]:
    """By server, for those members whose changes this composition holds against what is published."""
    servers = _holding(composition) & _holding(services.composed(endpoint))
    if not servers:
        return {}
    found: dict[str, dict[tuple[str, str], Decided]] = {server: {} for server in servers}
    for one in endpoint.decisions.filter(server__slug__in=servers).select_related("server"):
        found[one.server.slug][one.kind, one.name] = Decided(one.approved, one.refused)
    return found


def settle(endpoint: Endpoint, composition: Composition, members: Iterable[tuple[str, str, Manifest]]) -> None:
    """Before this composition is published: approve of new members as they are, and forget those that are gone.

    `members` are slugs, identifiers and manifests of the servers behind it.
    """
    holding = _holding(composition)
    known = holding & _holding(services.composed(endpoint))
    endpoint.decisions.exclude(server__slug__in=known).delete()
    Decision.objects.bulk_create(
        _row(endpoint, server_id, kind, name, approved=definition)
        for slug, server_id, manifest in members
        if slug in holding - known
        for kind, name, definition in definitions_of(manifest)
    )


def record(
    endpoint: Endpoint, held: Sequence[Held], wanted: Iterable[str], *, approve: bool, acting: Principal | None
) -> None:
    """Approve or refuse those of the held definitions that `wanted` names by identifier.

    Raises NotHeld for an identifier that is none of theirs: the server may have changed the definition again.
    """
    by_id = {one.id: one for one in held}
    chosen: list[Held] = []
    for identifier in dict.fromkeys(wanted):
        if identifier not in by_id:
            raise NotHeld(endpoint.slug, identifier)
        chosen.append(by_id[identifier])
    servers = {mount.server.slug: mount.server_id for mount in endpoint.mounts.select_related("server")}
    rows = [
        _row(endpoint, servers[one.server], one.kind, one.name, approved=one.definition)
        if approve
        else _row(
            endpoint, servers[one.server], one.kind, one.name, approved=one.approved, refused=digest_of(one.definition)
        )
        for one in chosen
    ]
    Decision.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["endpoint", "server", "component"],
        update_fields=["approved", "refused"],
    )
    by_server: dict[str, list[str]] = defaultdict(list)
    for one in chosen:
        by_server[one.server].append(f"{one.kind} {one.name} {digest_of(one.definition)}"[:300])
    audit.record(
        "endpoint.definitions_approved" if approve else "endpoint.definitions_refused",
        tenant_id=endpoint.tenant_id,
        acting=acting,
        target=endpoint.id,
        after=dict(by_server),
    )


def _holding(composition: Composition) -> set[str]:
    """The servers whose changes it holds: an imported revision has none."""
    if composition.changes != "hold":
        return set()
    return {member.server for member in composition.members if member.pin is None}


def _row(
    endpoint: Endpoint, server_id: str, kind: str, name: str, *, approved: Definition | None, refused: str = ""
) -> Decision:
    return Decision(
        endpoint=endpoint,
        server_id=server_id,
        kind=kind,
        name=name,
        component=hashlib.sha256(f"{kind} {name}".encode()).hexdigest(),
        approved=approved,
        refused=refused,
    )
