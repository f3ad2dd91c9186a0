"""Tokens for the platform's own pages: somebody who is signed in tries an endpoint from the browser.

They are those of any login: for one endpoint, 15 minutes, with the person's own rights, listed and ended among their
logins. The pages are a client of their own in each tenant, which can ask for nothing by itself: it has no grant type.
Everything runs inside `acting_for(tenant)`.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.issuer.addresses import resource_url
from controlplane.issuer.logins import SCOPES, access_token, open_login
from controlplane.issuer.models import Client, Grant
from tenants.context import require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

CLIENT_ID: Final = "stoa-dashboard"
METADATA: Final = {
    "client_name": "Stoa dashboard",
    "redirect_uris": [],
    "grant_types": [],
    "response_types": [],
    "token_endpoint_auth_method": "none",
}


def token_for(user: User, tenant: str, endpoint: str, endpoint_id: str, *, acting: Principal) -> dict[str, Any]:
    """A token response for the endpoint of that slug and identifier. Raises NotPermittedError."""
    require(acting, "mcp:call")
    client = _client()
    found = Grant.objects.filter(
        client=client, user=user, endpoint_id=endpoint_id, revoked_at=None, expires_at__gt=timezone.now()
    ).first()
    resource = resource_url(tenant, endpoint)
    grant = found or open_login(client, user, endpoint_id=endpoint_id, resource=resource, scopes=SCOPES)
    Grant.objects.filter(pk=grant.pk).update(last_used_at=timezone.now())
    return access_token(grant, tenant, scopes=SCOPES)


def _client() -> Client:
    found = Client.objects.filter(client_id=CLIENT_ID).first()
    if found is not None:
        return found
    client = Client(
        id=new_id("cli"),
        client_id=CLIENT_ID,
        kind=Client.Kind.REGISTERED,
        metadata=METADATA,
        tenant_id=require_tenant_id(),
        last_used_at=timezone.now(),  # those that nobody used are dropped
    )
    try:
        with transaction.atomic():
            client.save()
    except IntegrityError:  # two first visits at once
        return Client.objects.get(client_id=CLIENT_ID)
    return client
