"""How a server that runs elsewhere lets its callers in: found out, registered with, and kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from controlplane.audit.services import record
from controlplane.connections.errors import NoUpstreamLogin, UpstreamLoginFailed
from controlplane.connections.models import Connection, Upstream
from mcp_runtime.client.auth.discovery import challenge_parameters
from mcp_runtime.client.auth.errors import OAuthError
from mcp_runtime.client.auth.grants import Guard, discover, register
from mcp_runtime.connectors.outbound import guarded_client
from mcp_runtime.framework.errors import ClientError
from tenants.context import require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

_KEPT = (
    "issuer", "authorization_endpoint", "token_endpoint", "token_endpoint_auth_methods_supported",
    "authorization_response_iss_parameter_supported", "revocation_endpoint",
)  # fmt: skip
_TIMEOUT = httpx2.Timeout(10.0)


def redirect_uri(tenant: str) -> str:
    """Where upstreams send people back to. Ours alone, and the same for all of a tenant's servers."""
    return f"{settings.STOA_PUBLIC_URL}/connect/{tenant}/callback"


def document_url(tenant: str) -> str | None:
    """Our client metadata document, which is our identifier where it can be fetched (PROTOCOL U-02)."""
    url = f"{settings.STOA_PUBLIC_URL}/connect/{tenant}/client.json"
    return url if url.startswith("https:") else None


def client_metadata(tenant: str) -> dict[str, Any]:
    return {
        "client_name": f"Stoa, {tenant}",
        "redirect_uris": [redirect_uri(tenant)],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
    }


@asynccontextmanager
async def upstream_http(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Raises UpstreamLoginFailed for whatever goes wrong on the way."""
    tls = urlsplit(url).scheme == "https"
    try:
        async with guarded_client(settings.STOA_FETCH_NETWORKS, tls=tls, timeout=_TIMEOUT, judges=False) as http:
            yield http
    except (OAuthError, ClientError) as error:
        raise UpstreamLoginFailed(str(error)) from error
    except httpx2.HTTPError as error:
        raise UpstreamLoginFailed(f"The upstream's log-in could not be reached: {type(error).__name__}.") from error


async def find_out(
    url: str, *, tenant: str, client_id: str = "", client_secret: str = "", scope: str = ""
) -> tuple[Guard, dict[str, Any], str]:
    """Who guards the server, how we are known there, and the scope to ask for. Raises UpstreamLoginFailed.

    Never inside a transaction: it waits for other people's servers.
    """
    async with upstream_http(url) as http:
        challenge = await _challenge(http, url)
        guard = await discover(http, url, challenge)
        if "S256" not in (guard.metadata.get("code_challenge_methods_supported") or ()):
            raise OAuthError(f"The authorization server {guard.issuer} does not offer PKCE with S256; it is not used.")
        if not isinstance(guard.metadata.get("authorization_endpoint"), str):
            raise OAuthError(f"The metadata of {guard.issuer} names no authorization_endpoint.")
        if client_id:
            client: dict[str, Any] = {"client_id": client_id, "client_secret": client_secret or None}
        else:
            client = await register(http, guard, client_metadata(tenant), document_url(tenant))
    offered = " ".join(map(str, guard.scopes or ()))
    return guard, client, scope or challenge.get("scope", "") or offered


def save(
    server_id: str, url: str, guard: Guard, client: dict[str, Any], scope: str, *, shared: bool, acting: Principal
) -> Upstream:
    """Keep it. What was connected under another registration or issuer ends (PROTOCOL U-05)."""
    require(acting, "secrets:write")
    tenant_id = require_tenant_id("Connections")
    old = Upstream.objects.select_for_update().filter(server_id=server_id).first()
    before = _state(old) if old else None
    upstream = old or Upstream(id=new_id("ups"), tenant_id=tenant_id, server_id=server_id)
    upstream.shared, upstream.url, upstream.scope = shared, url, scope[:2000]
    upstream.issuer, upstream.resource = guard.issuer, guard.resource or ""
    upstream.metadata = {name: guard.metadata[name] for name in _KEPT if name in guard.metadata}
    upstream.created_by = acting.subject
    upstream.seal(json.dumps(client).encode())
    upstream.save()
    Connection.objects.filter(server_id=server_id).delete()
    record(
        "upstream.saved", tenant_id=tenant_id, acting=acting, target=server_id, before=before, after=_state(upstream)
    )
    return upstream


def remove(server_id: str, *, acting: Principal) -> None:
    """Raises NoUpstreamLogin."""
    require(acting, "secrets:write")
    upstream = find(server_id)
    record("upstream.removed", tenant_id=upstream.tenant_id, acting=acting, target=server_id, before=_state(upstream))
    Connection.objects.filter(server_id=server_id).delete()
    upstream.delete()


def find(server_id: str) -> Upstream:
    """Raises NoUpstreamLogin."""
    upstream = Upstream.objects.filter(server_id=server_id).first()
    if upstream is None:
        raise NoUpstreamLogin
    return upstream


def upstreams_by_server() -> dict[str, Upstream]:
    """All of the tenant's, by the identifier of their server."""
    require_tenant_id("Connections")
    return {one.server_id: one for one in Upstream.objects.all()}


def registration(upstream: Upstream) -> tuple[Guard, dict[str, Any]]:
    """As `find_out` found them."""
    return Guard(upstream.resource or None, upstream.metadata, None), json.loads(upstream.unseal())


async def _challenge(http: httpx2.AsyncClient, url: str) -> dict[str, str]:
    """What the server demands of someone without a credential."""
    body = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "stoa", "version": "1"},
        },
    }  # fmt: skip
    answer = await http.post(url, json=body, headers={"accept": "application/json, text/event-stream"})
    if answer.status_code != 401:
        raise OAuthError(f"The server answered {answer.status_code} to a caller without a credential, and not 401.")
    return challenge_parameters(answer.headers.get("www-authenticate", ""))


def _state(upstream: Upstream) -> dict[str, object]:
    return {
        "url": upstream.url,
        "issuer": upstream.issuer,
        "shared": upstream.shared,
        "scope": upstream.scope,
    }
