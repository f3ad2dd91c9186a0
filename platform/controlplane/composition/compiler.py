"""Compile an endpoint into the plan that gateways serve. A pure function: no database, no clock, no I/O.

What it answers *is* the preview (ARCHITECTURE 6.9): the dashboard shows its output, gateways load its output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.registry.errors import BuildFailure
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.workers import Manifest, Worker


class CompileError(BuildFailure):
    """The endpoint cannot be served as it is composed. A build that would cause it fails."""

    code = "cannot_compile"


@dataclass(frozen=True, slots=True)
class MountedServer:
    """One server as an endpoint sees it: its identity, the revision to run and what that revision offers."""

    server_id: str
    slug: str
    kind: str
    worker: Worker | None
    manifest: Manifest


def compile_plan(
    *,
    tenant_id: str,
    tenant: str,
    endpoint_id: str,
    endpoint: str,
    version: int,
    servers: Sequence[MountedServer],
) -> PlanDocument:
    """The plan of `servers` behind `/t/<tenant>/<endpoint>/mcp`. Raises CompileError when two components collide."""
    name, server_version, instructions = _introduction(endpoint, version, servers)
    return PlanDocument(
        tenant_id=tenant_id,
        tenant=tenant,
        endpoint_id=endpoint_id,
        endpoint=endpoint,
        version=version,
        server_name=name,
        server_version=server_version,
        instructions=instructions,
        members=tuple(
            Member(
                server.server_id,
                server.kind,
                server.worker,
                server.manifest.strict_input,
            )
            for server in servers
        ),
        tools=_components("tool", "name", servers, lambda manifest: manifest.tools),
        resources=_components("resource", "uri", servers, lambda manifest: manifest.resources),
        resource_templates=_components(
            "resource template",
            "uriTemplate",
            servers,
            lambda manifest: manifest.resource_templates,
        ),
        prompts=_components("prompt", "name", servers, lambda manifest: manifest.prompts),
    )


def _introduction(endpoint: str, version: int, servers: Sequence[MountedServer]) -> tuple[str, str, str | None]:
    """How the endpoint introduces itself: as its only server does, or under its own name."""
    if len(servers) == 1:
        manifest = servers[0].manifest
        return manifest.name, manifest.version or str(version), manifest.instructions
    said = [f"{server.slug}: {server.manifest.instructions}" for server in servers if server.manifest.instructions]
    return endpoint, str(version), "\n\n".join(said) or None


def _components(
    kind: str,
    key: str,
    servers: Sequence[MountedServer],
    of: Callable[[Manifest], list[dict[str, object]]],
) -> tuple[Component, ...]:
    owners: dict[str, str] = {}
    components: list[Component] = []
    for index, server in enumerate(servers):
        for definition in of(server.manifest):
            name = str(definition[key])
            if name in owners:
                raise CompileError(
                    f"The {kind} '{name}' is offered by both '{owners[name]}' and '{server.slug}'.",
                    hint="Rename it in one of the two servers, or put them behind different endpoints.",
                )
            owners[name] = server.slug
            components.append(Component(definition=definition, member=index, upstream_name=name))
    return tuple(components)
