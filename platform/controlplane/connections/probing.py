"""Asking a server elsewhere what it offers, as somebody who may have logged in there. Never inside a transaction."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from asgiref.sync import async_to_sync
from django.conf import settings

from controlplane.connections.errors import UpstreamLoginFailed
from controlplane.connections.lending import DatabaseConnections
from controlplane.registry import services
from controlplane.registry.errors import RevisionNotFound, WrongKind
from controlplane.registry.models import Server
from controlplane.registry.probing import Found, probe
from controlplane.registry.source import CREDENTIAL, Source, read_source
from controlplane.vault import services as vault
from mcp_runtime.framework.errors import ClientError
from tenants.context import acting_for
from tenants.principal import Principal


def probed(slug: str, source: Source, secret: str | None, *, acting: Principal) -> Found:
    """With the caller's connection where callers of the server have such; it is not saved as the server's.

    Raises what `probe` does, and UpstreamLoginFailed.
    """
    token = _lent(slug, source.url, acting) if secret is None else None
    if token is None:
        return asked(source, secret)
    found = asked(msgspec.structs.replace(source, header="Authorization", scheme="Bearer"), token)
    return replace(found, source=msgspec.structs.replace(found.source, header=None, scheme=""))


def probed_again(name: str, *, acting: Principal) -> Found:
    """A saved server, where it was. Raises ServerNotFound, WrongKind, RevisionNotFound, and what `probed` does."""
    with acting_for(acting.tenant):
        found = services.find_server(name)
        if found.kind != Server.Kind.REMOTE:
            raise WrongKind(found.slug, found.kind)
        if found.current_revision is None:
            raise RevisionNotFound("current")
        source = read_source(found.current_revision.source)
    secret = vault.environment(acting.tenant, found.id).get(CREDENTIAL) if source.header else None
    return probed(found.slug, source, secret, acting=acting)


def asked(source: Source, secret: str | None) -> Found:
    return async_to_sync(probe)(source, secret, networks=settings.STOA_FETCH_NETWORKS)


def _lent(slug: str, url: str, acting: Principal) -> str | None:
    with acting_for(acting.tenant):
        server = Server.objects.filter(slug=slug).first()
    if server is None:
        return None
    try:
        lent = async_to_sync(DatabaseConnections().lent)(acting.tenant, server.id, acting.subject, url=url)
    except ClientError as error:
        raise UpstreamLoginFailed(str(error)) from error
    return lent.token if lent else None
