"""Make a tenant what a document says: all of it in one transaction, or nothing.

Applying compares first, so doing it twice does it once. What has to wait (a build that runs, a credential that is not
set) is named; once it is there, applying the same document again completes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from controlplane.audit import services as audit
from controlplane.declarative import preparing, removal, writing
from controlplane.declarative.document import Configuration, RemoteServer, ServerSpec
from controlplane.declarative.errors import InvalidConfiguration
from controlplane.declarative.exporting import export
from controlplane.declarative.outcome import Change, Outcome
from controlplane.declarative.preparing import Prepared
from controlplane.registry import services as registry
from controlplane.registry.source import CREDENTIAL
from controlplane.vault import services as vault
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import require


@dataclass(frozen=True, slots=True)
class Way:
    """How a document is applied."""

    store: Store
    networks: Sequence[str] = ()
    """Networks inside which addresses may be reached, beside the public Internet."""
    prune: bool = False
    """Delete what a section that the document has does not name."""
    dry_run: bool = False
    """Do everything, then undo it."""


def apply(wanted: Configuration, way: Way, *, acting: Principal) -> Outcome:
    """Outside of `acting_for`: it waits for others before it writes.

    Raises InvalidConfiguration, NotPermittedError, QuotaExceededError; then nothing has changed.
    """
    _check_permissions(wanted, acting)
    with acting_for(acting.tenant):
        current = export(way.store, acting=acting)
        _check_members(wanted, current, way)
    prepared = _prepared(wanted, current, way, acting)
    with acting_for(acting.tenant):
        changes = _written(wanted, current, prepared, way, acting)
        if way.dry_run:
            transaction.set_rollback(True)
        elif any(change.action != "unchanged" for change in changes):
            _record(changes, acting)
    return Outcome(tuple(changes), way.dry_run)


def _check_permissions(wanted: Configuration, acting: Principal) -> None:
    for section, permission in (
        ("servers", "servers:write"),
        ("endpoints", "endpoints:write"),
        ("identity_providers", "tenant:write"),
    ):
        if getattr(wanted, section) is not None:
            require(acting, permission)


def _check_members(wanted: Configuration, current: Configuration, way: Way) -> None:
    """Every member is a server of the document, or one that is there and stays."""
    there = set(wanted.servers or ())
    if wanted.servers is None or not way.prune:
        there |= set(current.servers or ())
    for slug, spec in (wanted.endpoints or {}).items():
        for index, member in enumerate(spec.composition.members):
            if member.server not in there:
                raise InvalidConfiguration(
                    f"There is no server '{member.server}', here or in the document.",
                    f"$.endpoints.{slug}.composition.members[{index}].server",
                )


def _prepared(wanted: Configuration, current: Configuration, way: Way, acting: Principal) -> dict[str, Prepared]:
    """The servers that change, each with what is known of it."""
    there = current.servers or {}
    found: dict[str, Prepared] = {}
    for slug, spec in sorted((wanted.servers or {}).items()):
        before = there.get(slug)
        if before is not None and type(before) is not type(spec):
            kind = type(before).__struct_config__.tag
            raise InvalidConfiguration(f"'{slug}' is a server of kind {kind}.", f"$.servers.{slug}.kind")
        credential = _credential(slug, acting) if isinstance(spec, RemoteServer) else None
        if before is None or not preparing.same(spec, before) or _unasked(slug, spec, credential, acting):
            found[slug] = preparing.prepare(slug, spec, credential, networks=way.networks)
    return found


def _unasked(slug: str, spec: ServerSpec, credential: str | None, acting: Principal) -> bool:
    """Whether it is a remote server that could not be asked what it offers, and now may be."""
    if not isinstance(spec, RemoteServer) or not spec.url or (spec.header is not None and credential is None):
        return False
    with acting_for(acting.tenant):
        revision = registry.find_server(slug).current_revision
        return revision is not None and not writing.offers(revision)


def _credential(slug: str, acting: Principal) -> str | None:
    with acting_for(acting.tenant):
        server = registry.servers().filter(slug=slug).first()
    return vault.environment(acting.tenant, server.id).get(CREDENTIAL) if server else None


def _written(
    wanted: Configuration, current: Configuration, prepared: dict[str, Prepared], way: Way, acting: Principal
) -> list[Change]:
    changes: list[Change] = []
    before = current.servers or {}
    waiting: dict[str, str] = {}
    for slug, spec in sorted((wanted.servers or {}).items()):
        change = writing.write_server(slug, spec, prepared.get(slug), before.get(slug), way.store, acting=acting)
        waiting.update({slug: change.waits[0]} if change.waits else {})
        changes.append(change)
    before_endpoints = current.endpoints or {}
    for slug, endpoint in sorted((wanted.endpoints or {}).items()):
        changes.append(writing.write_endpoint(slug, endpoint, before_endpoints.get(slug), waiting, acting=acting))
    before_providers = current.identity_providers or {}
    for slug, provider in sorted((wanted.identity_providers or {}).items()):
        changes.append(writing.write_provider(slug, provider, before_providers.get(slug), acting=acting))
    return changes + (_pruned(wanted, acting) if way.prune else [])


def _pruned(wanted: Configuration, acting: Principal) -> list[Change]:
    """What the sections of the document do not name: endpoints before the servers that they mount."""
    from controlplane.composition.services import endpoints
    from controlplane.providers import services as providers

    gone: list[Change] = []
    if wanted.endpoints is not None:
        for endpoint in endpoints().exclude(slug__in=wanted.endpoints):
            removal.remove_endpoint(endpoint, acting=acting)
            gone.append(Change("endpoints", endpoint.slug, "delete"))
    if wanted.servers is not None:
        for server in registry.servers().exclude(slug__in=wanted.servers):
            removal.remove_server(server, acting=acting)
            gone.append(Change("servers", server.slug, "delete"))
    if wanted.identity_providers is not None:
        for provider in providers.list_providers():
            if provider.slug not in wanted.identity_providers:
                providers.delete_provider(provider.slug, acting=acting)
                gone.append(Change("identity_providers", provider.slug, "delete"))
    return gone


def _record(changes: list[Change], acting: Principal) -> None:
    after = {
        action: [f"{change.section}/{change.name}" for change in changes if change.action == action]
        for action in ("create", "update", "delete")
    }
    audit.record(
        "configuration.applied", tenant_id=acting.tenant, acting=acting, target=acting.tenant,
        after={action: names for action, names in after.items() if names},
    )  # fmt: skip
