"""One entry of a document into rows. Inside the transaction of `applying`."""

from __future__ import annotations

import hashlib
import io

from django.db import transaction

from controlplane.composition import drafts, publishing
from controlplane.composition import services as composition
from controlplane.composition.errors import CompileError, CompositionError
from controlplane.composition.models import Endpoint
from controlplane.declarative.document import (
    EndpointSpec,
    ProviderSpec,
    PythonServer,
    RemoteServer,
    ServerSpec,
    StaticServer,
    plain,
)
from controlplane.declarative.errors import InvalidConfiguration
from controlplane.declarative.exporting import endpoint_spec, expected_secrets, provider_spec, set_secrets
from controlplane.declarative.models import Expectation
from controlplane.declarative.outcome import Action, Change, diff
from controlplane.declarative.preparing import Prepared, hosts_of, same_source
from controlplane.providers import services as providers
from controlplane.providers.errors import ProviderError
from controlplane.providers.kinds import KINDS
from controlplane.registry import remotes
from controlplane.registry import services as registry
from controlplane.registry.errors import BuildFailure, RegistryError
from controlplane.registry.models import Revision, Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.source import CREDENTIAL
from controlplane.registry.static import services as statics
from controlplane.registry.workers import api_of
from mcp_runtime.sandbox.store import Store
from tenants.principal import Principal

_BUILDING = (Revision.Status.QUEUED, Revision.Status.BUILDING)


def write_server(
    slug: str,
    spec: ServerSpec,
    prepared: Prepared | None,
    before: ServerSpec | None,
    store: Store,
    *,
    acting: Principal,
) -> Change:
    """`prepared` is None for one that is what it shall be. Raises InvalidConfiguration."""
    try:
        kind = Server.Kind(str(type(spec).__struct_config__.tag))
        server = registry.registered(slug, kind=kind, acting=acting)
        if prepared is not None:
            _save(server, prepared, before, store, acting)
    except (RegistryError, BuildFailure) as error:
        raise InvalidConfiguration(error.message, f"$.servers.{slug}", error.hint) from error
    expect(server, spec.secrets)
    server.refresh_from_db()
    building = server.revisions.filter(status__in=_BUILDING).first()
    waits = prepared.waits if prepared else ""
    if not waits and isinstance(spec, RemoteServer) and _needed(server) - set_secrets(server):
        waits = f"the credential of '{slug}' is not set"
    if building is not None:
        waits = f"'{slug}' is being built"
    return Change(
        "servers",
        slug,
        "create" if before is None else "update" if prepared else "unchanged",
        diff(before, spec) if prepared else "",
        (waits,) if waits else (),
        tuple(sorted((_needed(server) | set(spec.secrets)) - set_secrets(server))),
        building.id if building else "",
    )


def write_endpoint(
    slug: str, spec: EndpointSpec, before: EndpointSpec | None, waiting: dict[str, str], *, acting: Principal
) -> Change:
    """`waiting` says which servers do not serve yet, and why. Raises InvalidConfiguration."""
    where = f"$.endpoints.{slug}"
    try:
        endpoint = composition.endpoints().filter(slug=slug).first()
        now = endpoint_spec(endpoint) if endpoint else None
        if spec.draft and now is not None and not now.draft:
            raise InvalidConfiguration("The endpoint is published already.", f"{where}.draft", "Leave `draft` out.")
        reasons = tuple(waiting[one.server] for one in spec.composition.members if one.server in waiting)
        if now != spec:
            if endpoint is None:
                endpoint = composition.create_endpoint(slug, spec.composition, acting=acting)
            else:
                endpoint = drafts.save(endpoint, spec.composition, read_as=None, acting=acting)
            if not spec.draft and not _published(endpoint, reasons, acting):
                return Change("endpoints", slug, _action(before, spec), diff(before, spec), reasons)
    except CompileError as error:
        inside = error.where if error.where.startswith(("$", ".")) else ""
        raise InvalidConfiguration(
            error.message, f"{where}.composition{inside.removeprefix('$')}", error.hint
        ) from error
    except CompositionError as error:
        raise InvalidConfiguration(error.message, where, error.hint) from error
    action = _action(before, spec)
    return Change("endpoints", slug, action, diff(before, spec) if action != "unchanged" else "")


def write_provider(slug: str, spec: ProviderSpec, before: ProviderSpec | None, *, acting: Principal) -> Change:
    """Raises InvalidConfiguration."""
    wanted = providers.Wanted(
        kind=spec.kind,
        name=spec.name,
        client_id=spec.client_id,
        settings=spec.settings,
        rules=[plain(rule) for rule in spec.rules],
        trusts_email=spec.trusts_email,
        counts_as_second_factor=spec.counts_as_second_factor,
        required=spec.required,
        secret_later=True,
    )
    try:
        if before is None:
            provider = providers.create_provider(slug, wanted, acting=acting)
        else:
            provider = providers.find_provider(slug)
            if before != spec:
                provider = providers.change_provider(slug, wanted, acting=acting)
    except ProviderError as error:
        raise InvalidConfiguration(str(error), f"$.identity_providers.{slug}", error.hint) from error
    after = provider_spec(provider)
    action = _action(before, after)
    waits = []
    if not provider.fingerprint and KINDS[provider.kind].protocol != "jwt":
        waits.append("its client secret is not set")
    if not provider.enabled:
        waits.append("it is not switched on: test it first")
    return Change(
        "identity_providers", slug, action, diff(before, after) if action != "unchanged" else "", tuple(waits)
    )


def expect(server: Server, secrets: tuple[str, ...]) -> None:
    """Note which secrets it needs, as the document says."""
    wanted = sorted(set(secrets))
    if wanted != sorted(expected_secrets(server)):
        Expectation.objects.update_or_create(
            server_id=server.id,
            defaults={"secrets": wanted},
            create_defaults={"secrets": wanted, "tenant": server.tenant},
        )


def offers(revision: Revision) -> bool:
    """Whether it has any component."""
    manifest = revision.manifest or {}
    return any(manifest.get(kind) for kind in ("tools", "resources", "resource_templates", "prompts"))


def _save(server: Server, prepared: Prepared, before: ServerSpec | None, store: Store, acting: Principal) -> None:
    spec = prepared.spec
    if isinstance(spec, PythonServer):
        _save_python(server, prepared, before if isinstance(before, PythonServer) else PythonServer(), store, acting)
    elif prepared.found is not None:
        remotes.save(server.slug, prepared.found, acting=acting, always=False)
    elif prepared.looked is not None:
        apis.save(server.slug, prepared.looked, store, acting=acting, always=False)
    elif isinstance(spec, StaticServer):
        statics.save(server.slug, spec.document, acting=acting)


def _save_python(server: Server, prepared: Prepared, before: PythonServer, store: Store, acting: Principal) -> None:
    spec = prepared.spec
    assert isinstance(spec, PythonServer)
    if hosts_of(spec) != hosts_of(before):
        registry.set_hosts(server, list(spec.hosts), acting=acting)
    if not prepared.bundle or same_source(spec, before):
        return
    digest = hashlib.sha256(prepared.bundle).hexdigest()
    newest = registry.latest_revision(server)
    if newest is not None and newest.status in _BUILDING and newest.bundle == digest:
        return  # applied before, and not built yet
    store.prepare()
    store.add_bundle(io.BytesIO(prepared.bundle))
    registry.submit_revision(
        server.slug,
        bundle=digest,
        file_name=f"{server.slug}.zip",
        entrypoint=spec.entrypoint,
        command=spec.command,
        acting=acting,
    )


def _needed(server: Server) -> set[str]:
    """The secrets that its revision names by itself."""
    revision = server.current_revision
    if revision is None:
        return set()
    if server.kind == Server.Kind.REMOTE:
        return {CREDENTIAL} if revision.source.get("header") else set()
    if server.kind in (Server.Kind.OPENAPI, Server.Kind.STATIC):
        return {secret for scheme in api_of(revision).schemes.values() for secret in scheme.secrets}
    return set()


def _published(endpoint: Endpoint, reasons: tuple[str, ...], acting: Principal) -> bool:
    """Whether it is. What waits for a build is not tried; else only with all that it names."""
    if any(reason.endswith("is being built") for reason in reasons):
        return False
    try:
        with transaction.atomic():
            publishing.publish(endpoint, note="Applied from a configuration.", acting=acting)
    except (CompileError, CompositionError):
        if reasons:
            return False
        raise
    return True


def _action(before: object, after: object) -> Action:
    return "create" if before is None else "unchanged" if before == after else "update"
