"""Save a static server. Inside `acting_for(tenant)`."""

from __future__ import annotations

from typing import Any

from controlplane.registry import saving
from controlplane.registry.errors import RevisionNotFound, WrongKind
from controlplane.registry.models import Revision, Server
from controlplane.registry.saving import State
from controlplane.registry.static.compiling import CompiledStatic, compiled
from controlplane.registry.static.document import StaticDocument
from tenants.principal import Principal


def save(slug: str, document: StaticDocument, *, acting: Principal | None) -> tuple[Revision, bool, CompiledStatic]:
    """Make it the server's current revision. Raises InvalidSettings, ManifestError, WrongKind, CompileError, …"""
    result = compiled(document, slug)
    serving = {"static": result.static, "api": result.api}
    state = State(source=document, manifest=result.manifest, serving=serving)
    revision, changed = saving.save(slug, Server.Kind.STATIC, state, acting=acting, always=False)
    return revision, changed, result


def document_of(server: Server) -> dict[str, Any]:
    """As it was written. Raises WrongKind, RevisionNotFound."""
    if server.kind != Server.Kind.STATIC:
        raise WrongKind(server.slug, server.kind)
    if server.current_revision is None:
        raise RevisionNotFound("current")
    document: dict[str, Any] = server.current_revision.source
    return document
