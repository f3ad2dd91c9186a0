"""From compositions to the versions that gateways serve. All of it runs inside `acting_for(tenant)`.

Servers are locked before endpoints, and both in the order of their identifiers, here and in `registry.activation`:
a version is compiled from revisions that nobody is moving, and two publishers never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, Max

from controlplane.announcements import PLANS, announce_on_commit
from controlplane.audit import services as audit
from controlplane.composition import approvals, drafts, services
from controlplane.composition.compiler import Compiled, MountedServer, compile_plan
from controlplane.composition.document import Composition, MemberSpec, read, write
from controlplane.composition.errors import CompileError, NothingToRestore, NothingToServe, VersionNotFound
from controlplane.composition.holding import Decisions, Held
from controlplane.composition.models import Endpoint, EndpointVersion, Mount, PlanCounter
from controlplane.registry.models import Revision, Server
from controlplane.registry.workers import api_of, manifest_of, remote_of, static_of, worker_of
from mcp_runtime.ports.plans import PlanDocument
from tenants.principal import Principal
from tenants.roles import require

Cause = EndpointVersion.Cause


def publish(
    endpoint: Endpoint, *, read_as: int | None = None, note: str = "", acting: Principal | None
) -> EndpointVersion:
    """Compile the draft (or, without one, what is published already) and serve that.

    Raises CompileError, DraftChanged, NothingToServe, NotPermittedError.
    """
    require(acting, "endpoints:write")
    with transaction.atomic():
        _hold_servers(services.drafted(endpoint))
        current = drafts.locked(endpoint, read_as=read_as)
        change = _Change(services.drafted(current), Cause.PUBLISHED, "endpoint.published", note)
        return _serve(current, change, acting=acting)


def roll_back(endpoint: Endpoint, *, to: int | None = None, acting: Principal | None) -> EndpointVersion:
    """Compose the endpoint again as version `to` was, else as the newest version that was composed differently.

    Live members keep following their servers: to go back to an earlier revision of one, roll back that server. The
    draft stays. Raises VersionNotFound, NothingToRestore, CompileError, NothingToServe, NotPermittedError.
    """
    require(acting, "endpoints:write")
    with transaction.atomic():
        earlier = _version_to_restore(endpoint, to)
        composition = read(earlier.composition)
        _hold_servers(composition)
        current = drafts.locked(endpoint)
        change = _Change(
            composition, Cause.ROLLED_BACK, "endpoint.rolled_back", f"As version {earlier.number}.", keeps_draft=True
        )
        return _serve(current, change, acting=acting)


def publish_members_of(server: Server, *, acting: Principal | None) -> list[EndpointVersion]:
    """Publish every endpoint that this server is in and that now looks different. Raises CompileError, then none is.

    Who may change the server may do this: the caller has asked for that permission and holds the server's row.
    """
    with transaction.atomic():
        chosen = Endpoint.objects.filter(mounts__server=server).order_by("id")
        endpoints = list(chosen.select_for_update(of=("self",)).select_related("tenant", "published"))
        made = [version for endpoint in endpoints if (version := _follow(endpoint, acting))]
        _count(len(made))
    return made


def decide(
    endpoint: Endpoint, wanted: Sequence[str], *, approve: bool, acting: Principal | None
) -> EndpointVersion | None:
    """Approve or refuse held definitions, by `Held.id`. None when clients see no difference.

    Raises NotHeld, CompileError, NotPermittedError.
    """
    require(acting, "endpoints:write")
    with transaction.atomic():
        _hold_servers(services.composed(endpoint))
        current = drafts.locked(endpoint)
        approvals.record(current, held(current), wanted, approve=approve, acting=acting)
        version = _follow(current, acting)
        _count(0 if version is None else 1)
    return version


def held(endpoint: Endpoint) -> tuple[Held, ...]:
    """What the published composition keeps from clients until it is approved, and what was refused."""
    return _compile(endpoint, services.composed(endpoint), _next_number(endpoint), strict=False).held


def preview(endpoint: Endpoint, composition: Composition | None = None, *, strict: bool = True) -> Compiled:
    """What publishing would serve: the same compiler on the same rows. The draft unless a composition is given."""
    wanted = services.drafted(endpoint) if composition is None else composition
    return _compile(endpoint, wanted, _next_number(endpoint), strict=strict)


@dataclass(frozen=True, slots=True)
class _Change:
    """What somebody wants an endpoint to be."""

    composition: Composition
    cause: str
    action: str
    note: str
    keeps_draft: bool = False


def _serve(endpoint: Endpoint, change: _Change, *, acting: Principal | None) -> EndpointVersion:
    compiled = _compile(endpoint, change.composition, _next_number(endpoint), strict=change.cause == Cause.PUBLISHED)
    plan = compiled.served()
    if not plan.members:
        raise NothingToServe(endpoint.slug, [member.server for member in change.composition.members])
    approvals.settle(
        endpoint, change.composition, [(one.slug, one.server_id, one.manifest) for one in compiled.members]
    )
    endpoint.composition = write(change.composition)
    if not change.keeps_draft:
        endpoint.draft = None
    endpoint.draft_number += 1
    _mount(endpoint, change.composition)
    version = _version(endpoint, plan, change, acting=acting)
    _count(1)
    return version


def _follow(endpoint: Endpoint, acting: Principal | None) -> EndpointVersion | None:
    """The next version of an endpoint whose member changed; None when clients would see no difference."""
    composition = services.composed(endpoint)
    published = endpoint.published
    if published is not None:
        same = _compile(endpoint, composition, published.number, strict=False).served()
        if _stored(same) == published.document:
            return None
    plan = _compile(endpoint, composition, _next_number(endpoint), strict=False).served()
    if not plan.members:
        return None
    return _version(endpoint, plan, _Change(composition, Cause.MEMBER, "endpoint.published", ""), acting=acting)


def _version(endpoint: Endpoint, plan: PlanDocument, change: _Change, *, acting: Principal | None) -> EndpointVersion:
    before = endpoint.published_id
    version = EndpointVersion.objects.create(
        endpoint=endpoint,
        number=plan.version,
        document=_stored(plan),
        composition=write(change.composition),
        cause=change.cause,
        note=change.note[:500],
        created_by=acting.subject if acting else "",
    )
    endpoint.published = version
    endpoint.save(update_fields=["published", "composition", "draft", "draft_number"])
    audit.record(
        change.action,
        tenant_id=endpoint.tenant_id,
        acting=acting,
        target=version.id,
        before={"published": before},
        after={"published": version.id, "number": version.number},
    )
    announce_on_commit(PLANS, f"{endpoint.tenant.slug}/{endpoint.slug}")
    return version


def _stored(plan: PlanDocument) -> dict[str, Any]:
    """The plan as it comes back from the database."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plan))
    return document


def _compile(endpoint: Endpoint, composition: Composition, number: int, *, strict: bool) -> Compiled:
    return compile_plan(
        tenant_id=endpoint.tenant_id,
        tenant=endpoint.tenant.slug,
        endpoint_id=endpoint.id,
        endpoint=endpoint.slug,
        version=number,
        composition=composition,
        servers=_servers(composition, approvals.decisions_of(endpoint, composition)),
        strict=strict,
    )


def _servers(
    composition: Composition, decisions: Mapping[str, Decisions]
) -> Mapping[str, MountedServer | CompileError]:
    """The members by name: what each has to serve, or why it cannot be one. Those without a revision are left out."""
    slugs = [member.server for member in composition.members]
    found = {one.slug: one for one in Server.objects.filter(slug__in=slugs).select_related("current_revision")}
    members: dict[str, MountedServer | CompileError] = {}
    for member in composition.members:
        server = found.get(member.server)
        if server is None:
            members[member.server] = CompileError(
                f"No server named '{member.server}' in this tenant.", hint="`stoa servers` lists them.", where=".server"
            )
            continue
        try:
            revision = _revision(server, member)
        except CompileError as error:
            members[member.server] = error
            continue
        if revision is not None:
            members[member.server] = MountedServer(
                server_id=server.id,
                slug=server.slug,
                kind=server.kind,
                worker=worker_of(revision) if server.kind == Server.Kind.PYTHON else None,
                manifest=manifest_of(revision),
                remote=remote_of(revision) if server.kind == Server.Kind.REMOTE else None,
                api=api_of(revision) if server.kind in (Server.Kind.OPENAPI, Server.Kind.STATIC) else None,
                static=static_of(revision) if server.kind == Server.Kind.STATIC else None,
                decisions=decisions.get(server.slug),
            )
    return members


def _revision(server: Server, member: MemberSpec) -> Revision | None:
    """The revision that the member serves: the pinned or the current one."""
    if member.pin is None:
        return server.current_revision
    revision = server.revisions.filter(number=member.pin, status__in=Revision.BUILT).first()
    if revision is None:
        raise CompileError(
            f"'{server.slug}' has no revision {member.pin} that is built.",
            hint="Pin one that is active or superseded, or leave the pin out to follow the current one.",
            where=".pin",
        )
    revision.server = server
    return revision


def _hold_servers(composition: Composition) -> None:
    slugs = [member.server for member in composition.members]
    list(Server.objects.filter(slug__in=slugs).order_by("id").select_for_update(of=("self",)).values_list("id"))


def _mount(endpoint: Endpoint, composition: Composition) -> None:
    """Let the rows say what the published composition says."""
    endpoint.mounts.all().delete()
    servers = {one.slug: one for one in Server.objects.filter(slug__in=[one.server for one in composition.members])}
    for position, member in enumerate(composition.members):
        server = servers[member.server]
        pinned = _revision(server, member) if member.pin is not None else None
        Mount.objects.create(endpoint=endpoint, server=server, pinned_revision=pinned, position=position)


def _version_to_restore(endpoint: Endpoint, number: int | None) -> EndpointVersion:
    versions = endpoint.versions.filter(composition__isnull=False).defer("document")
    if number is not None:
        version = versions.filter(number=number).first()
        if version is None:
            raise VersionNotFound(endpoint.slug, number)
        return version
    now = write(services.composed(endpoint))
    published = endpoint.published.number if endpoint.published else 0
    for version in versions.filter(number__lt=published).iterator(chunk_size=50):
        if version.composition != now:
            return version
    raise NothingToRestore(endpoint.slug)


def _next_number(endpoint: Endpoint) -> int:
    return (endpoint.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def _count(published: int) -> None:
    """The last statement of the transaction: its lock is short (`PlanCounter`)."""
    if published:
        PlanCounter.objects.get_or_create(pk=PlanCounter.ROW)
        PlanCounter.objects.filter(pk=PlanCounter.ROW).update(published=F("published") + published)
