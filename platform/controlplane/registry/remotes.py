"""Servers that run elsewhere: saved after they were probed, refreshed when they change.

Each state of one is a revision: its address and what it offered. So endpoints follow it, history shows it and a
rollback restores it, as with code. The credential is a secret of the server and belongs to no revision.
"""

from __future__ import annotations

from controlplane.registry import saving, services
from controlplane.registry.models import Revision, Server
from controlplane.registry.probing import Found
from controlplane.registry.saving import State
from tenants.principal import Principal


def save(slug: str, found: Found, *, acting: Principal | None, always: bool = True) -> tuple[Revision, bool]:
    """Make what answered the server's current revision; the server is registered when the name is new.

    Without `always` nothing happens when that is what it is already; the second value says whether anything did.
    Raises NotPermittedError, InvalidSlug, WrongKind, CompileError when an endpoint cannot take it.
    """
    state = State(source=found.source, manifest=found.manifest)
    return saving.save(slug, Server.Kind.REMOTE, state, acting=acting, always=always)


def secrets_changed(server: Server, *, acting: Principal | None) -> None:
    """Nothing goes on with the secrets of before, whatever the server's kind."""
    if server.kind == Server.Kind.PYTHON:
        services.restart_workers(server, acting=acting)
    else:
        saving.renew(server, acting=None)
