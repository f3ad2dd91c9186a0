"""Every write to the registry, and the questions that pages and the API ask it.

All of them run inside `acting_for(tenant)`. `acting` is who does it; None is the platform itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet

from controlplane.audit import services as audit
from controlplane.registry import commands, signals, tasks
from controlplane.registry.activation import activate, locked
from controlplane.registry.errors import (
    InvalidCommand,
    InvalidHost,
    InvalidSlug,
    NothingToRollBack,
    RevisionNotFound,
    ServerNotFound,
    WrongKind,
)
from controlplane.registry.models import BuildLogLine, Revision, Server
from mcp_runtime.sandbox.egress.targets import Grant
from tenants import quotas
from tenants.identifiers import is_id, is_slug
from tenants.principal import Principal
from tenants.roles import require

MAX_HOSTS = 50


def submit_revision(
    slug: str, *, bundle: str, file_name: str, entrypoint: str = "", command: str = "", acting: Principal | None
) -> Revision:
    """Queue a build of an uploaded bundle; the server is registered when the name is new.

    With a `command`, a line as a shell reads it, that is what runs, and no entrypoint is looked for.
    Raises NotPermittedError, InvalidSlug, WrongKind, InvalidCommand.
    """
    require(acting, "servers:write")
    words = commands.words(command)
    if words and entrypoint:
        raise InvalidCommand("A server has an entrypoint or a command, not both.")
    with transaction.atomic():
        server = locked(_registered(slug, acting=acting))
        if server.kind != Server.Kind.PYTHON:
            raise WrongKind(server.slug, server.kind)
        last = server.revisions.aggregate(last=Max("number"))["last"] or 0
        revision = Revision.objects.create(
            server=server,
            number=last + 1,
            bundle=bundle,
            file_name=file_name,
            requested_entrypoint=entrypoint,
            command=list(words),
            created_by=_subject(acting),
        )
        audit.record(
            "revision.submitted",
            tenant_id=server.tenant_id,
            acting=acting,
            target=revision.id,
            after={
                "server": server.id,
                "number": revision.number,
                "bundle": bundle,
                "entrypoint": entrypoint,
                "command": command,
            },
        )
        # A broker that is away must not fail what is already committed: `resume_builds` queues it again.
        transaction.on_commit(
            partial(tasks.build_revision.delay, revision_id=revision.id, tenant_id=server.tenant_id),
            robust=True,
        )
    return revision


def register(slug: str, *, acting: Principal | None) -> Server:
    """The server of that name, made if it is new, together with its endpoint. Raises NotPermittedError, InvalidSlug."""
    require(acting, "servers:write")
    with transaction.atomic():
        return _registered(slug, acting=acting)


def set_hosts(server: Server, hosts: list[str], *, acting: Principal | None) -> Server:
    """Grant the server's workers these hosts, and no others, through the egress proxy. Live mounts follow at once.

    Raises InvalidHost, NotPermittedError.
    """
    require(acting, "servers:write")
    if len(hosts) > MAX_HOSTS:
        raise InvalidHost(f"A server can be granted at most {MAX_HOSTS} hosts.")
    try:
        for host in hosts:
            Grant.parse(host)
    except ValueError as error:
        raise InvalidHost(str(error)) from error
    granted = sorted({host.strip().lower() for host in hosts})
    with transaction.atomic():
        server = locked(server)
        before, server.hosts = server.hosts, granted
        server.save(update_fields=["hosts"])
        audit.record(
            "server.hosts_changed",
            tenant_id=server.tenant_id,
            acting=acting,
            target=server.id,
            before={"hosts": before},
            after={"hosts": granted},
        )
        if server.current_revision is not None and before != granted:
            signals.revision_activated.send(Server, server=server, revision=server.current_revision, acting=acting)
    return server


def roll_back(server: Server, *, to: str | None = None, acting: Principal | None) -> Revision:
    """Point back to `to`, else to the newest revision before the current one that has served.

    Raises NothingToRollBack, RevisionNotFound, NotActivatable, NotPermittedError.
    """
    require(acting, "servers:write")
    with transaction.atomic():
        server = locked(server)
        revision = find_revision_of(server, to) if to else _previous(server)
        activate(revision, acting=acting, action="revision.rolled_back")
        revision.refresh_from_db()
    return revision


def restart_workers(server: Server, *, acting: Principal | None) -> None:
    """Let the server's workers end after what they are doing: the next call starts one with the secrets of now."""
    require(acting, "servers:read")
    tasks.retire_on_commit(server)


def servers() -> QuerySet[Server]:
    return Server.objects.select_related("current_revision")


def find_server(name: str) -> Server:
    """By slug or identifier. Raises ServerNotFound."""
    key = {"id": name} if is_id(name, "srv") else {"slug": name}
    server = servers().filter(**key).first()
    if server is None:
        raise ServerNotFound(name[:80])
    return server


def find_revision(revision_id: str) -> Revision:
    """Raises RevisionNotFound."""
    revision = Revision.objects.select_related("server").filter(pk=revision_id).first()
    if revision is None:
        raise RevisionNotFound(revision_id[:80])
    return revision


def find_revision_of(server: Server, name: str) -> Revision:
    """By identifier or number. Raises RevisionNotFound."""
    key = {"number": int(name)} if name.isascii() and name.isdigit() and len(name) < 10 else {"id": name}
    revision = server.revisions.select_related("server").filter(**key).first()
    if revision is None:
        raise RevisionNotFound(name[:80])
    return revision


def revisions_of(server: Server, *, limit: int = 50) -> list[Revision]:
    """The newest first."""
    return list(server.revisions.select_related("server").defer("manifest", "lock")[:limit])


def latest_revision(server: Server) -> Revision | None:
    return server.revisions.defer("manifest", "lock").first()


def newest_revisions(servers: Iterable[Server]) -> dict[str, Revision]:
    """The newest revision of each, by the server's identifier: one query for a page of them."""
    newest = Revision.objects.filter(server__in=servers).order_by("server_id", "-number").distinct("server_id")
    return {revision.server_id: revision for revision in newest.defer("manifest", "lock")}


def built_before(revision: Revision) -> Revision | None:
    """The newest of the same server before it that was built and so could have served."""
    earlier = Revision.objects.filter(server_id=revision.server_id, number__lt=revision.number)
    return earlier.filter(status__in=Revision.BUILT).order_by("-number").first()


def log_lines(revision_id: str, *, after: int = 0, limit: int = 500) -> list[BuildLogLine]:
    """The lines of a build's log behind line `after`."""
    return list(BuildLogLine.objects.filter(revision_id=revision_id, seq__gt=after).order_by("seq")[:limit])


def registered(slug: str, *, kind: Server.Kind, acting: Principal | None) -> Server:
    """The server of that name and kind, made if it is new. Raises InvalidSlug, WrongKind."""
    server = _registered(slug, kind=kind, acting=acting)
    if server.kind != kind:
        raise WrongKind(server.slug, server.kind)
    return server


def _registered(slug: str, *, kind: Server.Kind = Server.Kind.PYTHON, acting: Principal | None) -> Server:
    if not is_slug(slug):
        raise InvalidSlug(slug)
    server = Server.objects.filter(slug=slug).first()
    if server is not None:
        return server
    quotas.check("servers", Server.objects.count())
    try:
        with transaction.atomic():
            server = Server.objects.create(slug=slug, kind=kind, created_by=_subject(acting))
    except IntegrityError:  # two first deploys of one name: the other one registered it
        return Server.objects.get(slug=slug)
    after = {"slug": slug, "kind": str(kind)}
    audit.record("server.registered", tenant_id=server.tenant_id, acting=acting, target=server.id, after=after)
    signals.server_registered.send(Server, server=server, acting=acting)
    return server


def _previous(server: Server) -> Revision:
    candidates = server.revisions.filter(status=Revision.Status.SUPERSEDED, activated_at__isnull=False)
    if server.current_revision is not None:
        candidates = candidates.filter(number__lt=server.current_revision.number)
    revision = candidates.order_by(F("number").desc()).first()
    if revision is None:
        raise NothingToRollBack(server.slug)
    return revision


def _subject(acting: Principal | None) -> str:
    return acting.subject if acting else ""
