"""The runtime's connections port: tokens, refreshed ahead of time by one process at a time."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.connections.errors import UpstreamLoginFailed
from controlplane.connections.logins import take_tokens
from controlplane.connections.models import Connection, Upstream
from controlplane.connections.upstreams import registration, upstream_http
from controlplane.registry.models import Server
from mcp_runtime.client.auth.errors import OAuthError
from mcp_runtime.client.auth.grants import Guard, token_request
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.ports.connections import ConnectionNeeded, Lent
from tenants.context import run_acting_for
from tenants.models import Tenant

AHEAD: Final = timedelta(seconds=90)
"""A token is renewed this long before it ends, while the old one still serves everybody else."""
LAST: Final = timedelta(seconds=10)
"""With less left than this a token is not lent any more."""
TURN: Final = timedelta(seconds=30)
"""How long one process may take over a refresh before another one tries."""
_ENDED: Final = ("invalid_grant", "invalid_client", "unauthorized_client")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database knows, and whether it is this process' turn to ask for new tokens."""

    lent: Lent
    usable: bool
    upstream: Upstream
    refresh_token: str | None = field(repr=False)
    our_turn: bool = False


class DatabaseConnections:
    """`mcp_runtime.ports.connections.Connections` over the tenant's rows."""

    async def lent(self, tenant_id: str, server_id: str, subject: str, *, url: str, refused: str = "") -> Lent | None:
        deadline = asyncio.get_running_loop().time() + TURN.total_seconds()
        while True:
            found = await run_acting_for(tenant_id, _look, server_id, subject, url, refused)
            if isinstance(found, ConnectionNeeded):
                raise found  # outside of the transaction, which it would undo
            if found is None:
                return None
            if found.our_turn:
                return await self._refreshed(tenant_id, found)
            if found.usable:
                return found.lent
            if asyncio.get_running_loop().time() > deadline:
                raise ClientError("The upstream's authorization server gives no new token in time.")
            await asyncio.sleep(0.2)  # another process is at it

    async def _refreshed(self, tenant_id: str, found: _Found) -> Lent | None:
        guard, client = await run_acting_for(tenant_id, registration, found.upstream)
        form = {"grant_type": "refresh_token", "refresh_token": found.refresh_token or ""}
        try:
            async with upstream_http(found.upstream.url) as http:
                answer = await token_request(http, guard, client, form)
        except UpstreamLoginFailed as error:
            cause = error.__cause__
            if isinstance(cause, OAuthError) and cause.code in _ENDED:
                raise await run_acting_for(
                    tenant_id, _end, found.lent.connection_id, found.upstream.server_id
                ) from error
            await run_acting_for(tenant_id, _give_back_turn, found.lent.connection_id)
            if found.usable:
                log.warning("A connection could not be refreshed in time; its token still serves. %s", error)
                return found.lent
            raise ClientError(str(error)) from error
        return await run_acting_for(tenant_id, _keep, found, guard, answer)


def _look(server_id: str, subject: str, url: str, refused: str) -> _Found | ConnectionNeeded | None:
    upstream = Upstream.objects.filter(server_id=server_id).first()
    if upstream is None or upstream.url != url:
        return None
    row = Connection.objects.filter(server_id=server_id, owner="" if upstream.shared else subject).first()
    if row is None or row.state != Connection.State.CONNECTED:
        return _needed(server_id)
    tokens = json.loads(row.unseal())
    lent = Lent(row.id, tokens["access_token"])
    now = timezone.now()
    taken = refused != lent.token
    usable = taken and (row.expires_at is None or row.expires_at > now + LAST)
    if usable and (row.expires_at is None or row.expires_at > now + AHEAD):
        return _Found(lent, True, upstream, None)
    if not tokens["refresh_token"]:
        if usable:
            return _Found(lent, True, upstream, None)
        return _end(row.id, server_id)
    free = Q(refreshing_until=None) | Q(refreshing_until__lt=now)
    ours = Connection.objects.filter(free, pk=row.pk).update(refreshing_until=now + TURN) == 1
    return _Found(lent, usable, upstream, tokens["refresh_token"], ours)


def _keep(found: _Found, guard: Guard, answer: dict[str, object]) -> Lent:
    """Raises ConnectionNeeded when it was ended meanwhile."""
    row = Connection.objects.select_for_update().filter(pk=found.lent.connection_id).first()
    if row is None:
        raise _needed(found.upstream.server_id)
    take_tokens(row, answer, scope=row.scope, refresh_token=found.refresh_token)
    row.refreshed_at = timezone.now()
    row.save()
    return Lent(row.id, str(answer["access_token"]))


def _give_back_turn(connection_id: str) -> None:
    Connection.objects.filter(pk=connection_id).update(refreshing_until=None)


def _end(connection_id: str, server_id: str) -> ConnectionNeeded:
    """The upstream takes it no more: its owner has to log in again."""
    row = Connection.objects.select_for_update().filter(pk=connection_id).first()
    if row is None:
        return _needed(server_id)
    row.state, row.refreshing_until = Connection.State.ENDED, None
    row.save(update_fields=["state", "refreshing_until"])
    record(
        "connection.lapsed", tenant_id=row.tenant_id, acting=None, target=row.id, before={"state": "connected"},
        after={"state": "ended"},
    )  # fmt: skip
    return _needed(server_id)


def _needed(server_id: str) -> ConnectionNeeded:
    server, tenant = Server.objects.get(pk=server_id), Tenant.objects.get()
    return ConnectionNeeded(server.slug, f"{settings.STOA_PUBLIC_URL}/connect/{tenant.slug}/{server.slug}")
