"""Tokens of issuers that a tenant trusts, as bearer tokens at its endpoints.

The issuer's keys are kept and asked for again sparingly; the token must be for the audience that the tenant named; the
provider's rules give the role, of which only calling counts here. Switching the provider off ends it within seconds:
gateways believe an answer for five.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from django.conf import settings

from controlplane.outbound import FetchError
from controlplane.providers import metadata, tokens
from controlplane.providers.admission import role_for
from controlplane.providers.errors import SignInRefused
from controlplane.providers.models import Provider
from controlplane.providers.people import person_in
from mcp_runtime.authorization.access_tokens import looks_like_one
from mcp_runtime.ports.credentials import Credentials
from tenants import lookups
from tenants.context import acting_for, in_thread
from tenants.principal import Principal
from tenants.roles import PERMISSIONS_OF

SCOPES: Final = frozenset({"mcp:call"})
"""Of a role's permissions: such a token calls endpoints and manages nothing."""

log = logging.getLogger(__name__)


class WithTrustedIssuers:
    """`mcp_runtime.ports.credentials.Credentials`: what the platform itself gave out, then tokens of others."""

    def __init__(self, own: Credentials) -> None:
        self._own = own

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        if looks_like_one(token) and not _is_ours(tokens.unverified(token).get("iss")):
            return await in_thread(principal_for, token, tenant)
        return await self._own.authenticate(token, tenant=tenant)

    async def refused(self, principal: Principal, fault: str) -> None:
        await self._own.refused(principal, fault)

    def revocations(self) -> AsyncIterator[str]:
        return self._own.revocations()


def principal_for(token: str, tenant: str) -> Principal | None:
    """Whoever the token speaks of, when one of the tenant's issuers made it for the tenant's audience; else None."""
    issuer = tokens.unverified(token).get("iss")
    found = lookups.tenant_by_slug(tenant)
    if found is None or not found.active or not isinstance(issuer, str) or "\0" in issuer:
        return None
    with acting_for(found.id):
        trusted = list(Provider.objects.filter(kind="jwt", enabled=True, issuer=issuer))
    for provider in trusted:
        try:
            return _principal(token, provider)
        except (SignInRefused, FetchError) as error:
            log.info("A token of %s was refused at %s: %s", provider.slug, tenant, error)
    return None


def _principal(token: str, provider: Provider) -> Principal:
    """Raises SignInRefused, FetchError."""
    jwks_uri = provider.settings["jwks_uri"]
    allowed = provider.settings.get("algorithms", " ".join(tokens.ALGORITHMS)).split()
    claims = tokens.verified(token, lambda afresh: metadata.keys(jwks_uri, afresh=afresh), algorithms=allowed)
    if claims.get("iss") != provider.issuer:
        raise SignInRefused("The token is another issuer's.")
    tokens.check_audience(claims, provider.settings["audience"])
    tokens.check_times(claims)
    person = person_in(claims, provider)
    role = role_for(provider, person)
    if role is None:
        raise SignInRefused("No rule lets this subject in.")
    client = _client(claims)
    return Principal(
        tenant=provider.tenant_id,
        issuer=provider.issuer,
        subject=person.subject,
        kind="client" if client == person.subject else "user",
        client_id=f"{provider.id}/{client}" if client else provider.id,
        scopes=PERMISSIONS_OF[role] & SCOPES,
        roles=frozenset({role}),
        audience="*",
    )


def _client(claims: Mapping[str, Any]) -> str:
    """The program, as the issuer calls it: RFC 9068 has `client_id`, OpenID Connect `azp`."""
    for name in ("client_id", "azp"):
        value = claims.get(name)
        if isinstance(value, str) and 0 < len(value) <= 200:
            return value
    return ""


def _is_ours(issuer: object) -> bool:
    return isinstance(issuer, str) and issuer.startswith(f"{settings.STOA_PUBLIC_URL}/t/")
