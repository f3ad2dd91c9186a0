"""Logging in at an upstream, from the button to the tokens (PROTOCOL 5.4, RFC 9207, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.connections.errors import LoginNotYours, NotAPerson, UpstreamLoginFailed
from controlplane.connections.models import Attempt, Connection, Upstream
from controlplane.connections.upstreams import find, redirect_uri, registration, upstream_http
from mcp_runtime.client.auth.grants import token_request
from tenants.context import require_tenant_id, run_acting_for
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

LOGIN_TIME: Final = timedelta(minutes=10)


def begin(server_id: str, *, tenant: str, acting: Principal) -> str:
    """The upstream's page to log in at; it leads back to `finish`. Raises NoUpstreamLogin, NotAPerson."""
    upstream = find(server_id)
    _owner(upstream, acting)
    if acting.kind != "user":
        raise NotAPerson
    Attempt.objects.filter(created_at__lt=timezone.now() - LOGIN_TIME).delete()
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    attempt = Attempt(
        id=new_id("cna"), tenant_id=upstream.tenant_id, server_id=server_id, user_id=acting.subject,
        state_digest=_digest(state),
    )  # fmt: skip
    attempt.seal(verifier.encode())
    attempt.save()
    guard, client = registration(upstream)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": redirect_uri(tenant),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"scope": upstream.scope} if upstream.scope else {}),
        **({"resource": guard.resource} if guard.resource else {}),
    }
    address = str(upstream.metadata["authorization_endpoint"])
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


async def finish(answer: Mapping[str, str], *, tenant: str, acting: Principal) -> str:
    """Keep what the log-in came to, and say for which server. Only who began it can, in their own browser.

    Raises LoginNotYours, UpstreamLoginFailed.
    """
    taken = await run_acting_for(acting.tenant, _take, answer.get("state", ""), acting)
    upstream, verifier = taken
    guard, client = await run_acting_for(acting.tenant, registration, upstream)
    issuer = answer.get("iss")
    if issuer is None and guard.metadata.get("authorization_response_iss_parameter_supported") is True:
        raise UpstreamLoginFailed("The answer of the log-in does not say who gave it (iss), as it should.")
    if issuer is not None and issuer != guard.issuer:
        raise UpstreamLoginFailed("The answer of the log-in was given by another authorization server (iss).")
    if "error" in answer or not answer.get("code"):
        raise UpstreamLoginFailed("The upstream did not let you in, or you declined.")
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": redirect_uri(tenant),
        "code_verifier": verifier,
    }
    async with upstream_http(upstream.url) as http:
        tokens = await token_request(http, guard, client, form)
    await run_acting_for(acting.tenant, keep, upstream, tokens, acting)
    return upstream.server_id


def set_token(server_id: str, token: str, *, acting: Principal) -> None:
    """A token that the upstream gave some other way, such as a personal access token."""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UpstreamLoginFailed("The token has spaces, line breaks or other characters that no header can carry.")
    upstream = find(server_id)
    keep(upstream, {"access_token": token}, acting)


def disconnect(server_id: str, *, acting: Principal) -> None:
    """Forget one's own connection, or the tenant's. Calls stop using it within seconds."""
    upstream = find(server_id)
    for row in Connection.objects.select_for_update().filter(server_id=server_id, owner=_owner(upstream, acting)):
        record("connection.ended", tenant_id=row.tenant_id, acting=acting, target=row.id, before=_state(row))
        row.delete()


def connection_of(server_id: str, *, acting: Principal) -> Connection | None:
    """One's own, or the tenant's. Raises NoUpstreamLogin."""
    upstream = find(server_id)
    owner = "" if upstream.shared else acting.subject
    return Connection.objects.filter(server_id=server_id, owner=owner).first()


def connections_of(server_ids: Collection[str], *, acting: Principal) -> dict[str, Connection]:
    """The same for many servers, by their identifiers; what is not connected is left out."""
    found = Connection.objects.filter(server_id__in=server_ids, owner__in=["", acting.subject])
    return {one.server_id: one for one in found}


def keep(upstream: Upstream, tokens: Mapping[str, Any], acting: Principal) -> Connection:
    """The tokens of a log-in, in place of those before."""
    owner = _owner(upstream, acting)
    row = Connection.objects.select_for_update().filter(server_id=upstream.server_id, owner=owner).first()
    before = _state(row) if row else None
    row = row or Connection(id=new_id("cnx"), tenant_id=upstream.tenant_id, server_id=upstream.server_id, owner=owner)
    row.connected_at, row.connected_by = timezone.now(), acting.subject
    take_tokens(row, tokens, scope=upstream.scope)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:  # two log-ins of one person ended at once: the later one counts
        return keep(upstream, tokens, acting)
    record(
        "connection.made", tenant_id=require_tenant_id(), acting=acting, target=row.id, before=before, after=_state(row)
    )
    return row


def take_tokens(
    row: Connection, answer: Mapping[str, Any], *, scope: str = "", refresh_token: str | None = None
) -> None:
    """Put the answer of a token endpoint into the row; a refresh token stays where no new one is given."""
    seconds = answer.get("expires_in")
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < 10**9
    row.expires_at = timezone.now() + timedelta(seconds=float(seconds or 0)) if known else None
    row.scope = str(answer.get("scope") or scope)[:2000]
    row.state, row.refreshing_until = Connection.State.CONNECTED, None
    row.seal(
        json.dumps(
            {
                "access_token": answer["access_token"],
                "refresh_token": answer.get("refresh_token") or refresh_token,
            }
        ).encode()
    )


def _take(state: str, acting: Principal) -> tuple[Upstream, str]:
    """The attempt, which is over with this."""
    attempt = Attempt.objects.select_for_update().filter(state_digest=_digest(state), user_id=acting.subject).first()
    if attempt is None:
        raise LoginNotYours
    verifier = attempt.unseal().decode()
    attempt.delete()
    if attempt.created_at < timezone.now() - LOGIN_TIME:
        raise LoginNotYours
    return find(attempt.server_id), verifier


def _owner(upstream: Upstream, acting: Principal) -> str:
    """Whose connection the caller may make and end."""
    require(acting, "secrets:write" if upstream.shared else "mcp:call")
    return "" if upstream.shared else acting.subject


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode("utf-8", "replace")).digest()


def _state(row: Connection) -> dict[str, object]:
    return {"server_id": row.server_id, "owner": row.owner, "scope": row.scope, "expires_at": row.expires_at}
