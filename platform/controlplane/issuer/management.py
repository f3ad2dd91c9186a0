"""Access tokens at the management API: what `stoa login` gets. Asked for at each request, so revoked at once."""

from __future__ import annotations

from django.utils import timezone

from controlplane.accounts.services import principal_of
from controlplane.issuer.addresses import management_url
from controlplane.issuer.models import Grant
from controlplane.issuer.trust import signers_of
from mcp_runtime.authorization.access_tokens import Claims, Issuer, unverified_issuer
from tenants.context import acting_for
from tenants.principal import Principal


def principal_for(token: str) -> Principal | None:
    """The person behind a token of one of our issuers for that tenant's management API; None for any other token.

    What they may do is what their role permits now, no more than the token says.
    """
    slug = unverified_issuer(token).rpartition("/t/")[2]
    signers = signers_of([slug]).get(slug) if slug else None
    if signers is None:
        return None
    claims = Issuer(signers).claims(token, audience=management_url(slug))
    return _person(claims, slug, signers.tenant_id) if claims else None


def _person(claims: Claims, slug: str, tenant_id: str) -> Principal | None:
    with acting_for(tenant_id):
        grant = Grant.objects.filter(pk=claims.grant).select_related("user").first()
        if grant is None or grant.user is None or not grant.is_valid(timezone.now()):
            return None
        member = principal_of(grant.user, slug)
    if member is None:
        return None
    return Principal(
        tenant=member.tenant,
        issuer=claims.iss,
        subject=member.subject,
        kind="user",
        client_id=claims.client_id,
        scopes=member.scopes & frozenset(claims.scope.split()),
        roles=member.roles,
        audience="*",
    )
