"""From a tenant's rows to the document. Inside `acting_for(tenant)`.

What the caller may not see is left out, section by section, and a section that is left out is left alone when the
document is applied.
"""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.composition import services as endpoints
from controlplane.composition.models import Endpoint
from controlplane.declarative.document import (
    Configuration,
    EndpointSpec,
    OpenApiServer,
    ProviderSpec,
    PythonServer,
    RemoteServer,
    RuleSpec,
    ServerSpec,
    StaticServer,
)
from controlplane.declarative.files import files_in
from controlplane.declarative.models import Expectation
from controlplane.providers import services as providers
from controlplane.providers.models import Provider
from controlplane.registry import commands
from controlplane.registry import services as registry
from controlplane.registry.models import Server
from controlplane.registry.openapi.services import stored_document
from controlplane.registry.openapi.settings import read_settings
from controlplane.registry.source import read_source
from controlplane.registry.static.document import read_document
from controlplane.vault import services as vault
from mcp_runtime.sandbox.store import Store
from tenants.principal import Principal
from tenants.roles import permits, require


def export(store: Store, *, acting: Principal) -> Configuration:
    """Raises NotPermittedError, TooLargeToExport."""
    require(acting, "servers:write")
    return Configuration(
        servers={server.slug: server_spec(server, store) for server in registry.servers()},
        endpoints=_endpoints() if permits(acting, "endpoints:read") else None,
        identity_providers=_providers() if permits(acting, "tenant:write") else None,
    )


def server_spec(server: Server, store: Store) -> ServerSpec:
    """As it is. One that has no revision yet is only registered."""
    secrets = tuple(sorted({*set_secrets(server), *expected_secrets(server)}))
    if server.kind == Server.Kind.PYTHON:
        return _python(server, store, secrets)
    if server.kind == Server.Kind.REMOTE:
        return _remote(server, secrets)
    if server.kind == Server.Kind.OPENAPI:
        return _openapi(server, store, secrets)
    revision = server.current_revision
    return StaticServer(secrets=secrets, document=read_document(revision.source if revision else {}))


def endpoint_spec(endpoint: Endpoint) -> EndpointSpec:
    """As published. A draft that was never published is one here too; later drafts are nobody's configuration yet."""
    if endpoint.published is None:
        return EndpointSpec(composition=endpoints.drafted(endpoint), draft=True)
    return EndpointSpec(composition=endpoints.composed(endpoint))


def provider_spec(provider: Provider) -> ProviderSpec:
    return ProviderSpec(
        kind=provider.kind,
        name=provider.name,
        client_id=provider.client_id,
        settings={name: provider.settings[name] for name in sorted(provider.settings)},
        rules=tuple(msgspec.convert(rule, RuleSpec) for rule in provider.rules),
        trusts_email=provider.trusts_email,
        counts_as_second_factor=provider.counts_as_second_factor,
        required=provider.required,
    )


def set_secrets(server: Server) -> set[str]:
    """Their names: who may change a server may know what it is given, and never a value."""
    return {info.name for info in vault.list_secrets(server.id, acting=None)}


def expected_secrets(server: Server) -> set[str]:
    expectation = Expectation.objects.filter(server_id=server.id).first()
    return set(expectation.secrets) if expectation else set()


def _python(server: Server, store: Store, secrets: tuple[str, ...]) -> PythonServer:
    revision = server.current_revision
    if revision is None:
        return PythonServer(secrets=secrets, hosts=tuple(server.hosts))
    return PythonServer(
        secrets=secrets,
        hosts=tuple(server.hosts),
        entrypoint=revision.entrypoint,
        command=commands.line(revision.command),
        files=files_in(store.path("code", revision.code), server.slug),
    )


def _remote(server: Server, secrets: tuple[str, ...]) -> RemoteServer:
    if server.current_revision is None:
        return RemoteServer(secrets=secrets)
    source = read_source(server.current_revision.source)
    return RemoteServer(
        secrets=secrets, url=source.url, transport=source.transport, header=source.header, scheme=source.scheme
    )


def _openapi(server: Server, store: Store, secrets: tuple[str, ...]) -> OpenApiServer:
    if server.current_revision is None:
        return OpenApiServer(secrets=secrets)
    document: dict[str, Any] = msgspec.json.decode(stored_document(server, store))
    said = read_settings(server.current_revision.source)
    spec = OpenApiServer(secrets=secrets, document=document)
    return spec if said == spec.settings else msgspec.structs.replace(spec, settings=said)


def _endpoints() -> dict[str, EndpointSpec]:
    return {endpoint.slug: endpoint_spec(endpoint) for endpoint in endpoints.endpoints()}


def _providers() -> dict[str, ProviderSpec]:
    return {provider.slug: provider_spec(provider) for provider in providers.list_providers()}
