"""Logins: a grant and the tokens of its family. Made when a code is redeemed, refreshed, revoked as a whole.

Everything runs inside `acting_for(tenant)`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from ulid import ULID

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.announcements import GRANTS, announce_on_commit
from controlplane.audit.services import record
from controlplane.issuer import secrets
from controlplane.issuer.addresses import issuer_url
from controlplane.issuer.endpoints import Target
from controlplane.issuer.errors import GrantNotFoundError
from controlplane.issuer.models import AuthorizationCode, Client, Consent, Grant, RefreshToken, RevokedLogin
from controlplane.issuer.signing import ACCESS_SECONDS, sign
from tenants.principal import Principal
from tenants.roles import permits, require

SCOPES: Final = ("mcp:call",)
"""What a client can be let do at an endpoint. Each is a permission of `tenants.roles`: nobody gives what they lack."""
MANAGEMENT: Final = "management"
"""Stands where tokens name an endpoint, in tokens for the management API."""

REFRESH_IDLE = timedelta(days=30)
"""A login that nobody refreshes for so long is over."""
LOGIN_AT_MOST = timedelta(days=180)
GRACE = timedelta(seconds=90)
"""A refresh token works on for this long after its first use: real clients refresh from two places at once, or lose
the answer (SECURITY 0.6). After it, its use means that someone copied it."""


def who_may(user: User, tenant: str, scopes: Collection[str]) -> list[str]:
    """Which of the scopes this person can give in the tenant now; none for outsiders."""
    principal = principal_of(user, tenant)
    return [] if principal is None else [scope for scope in scopes if permits(principal, scope)]


def open_login(
    client: Client,
    user: User | None,
    *,
    endpoint_id: str | None,
    resource: str,
    scopes: Collection[str],
    lasts: timedelta = LOGIN_AT_MOST,
) -> Grant:
    now = timezone.now()
    grant = Grant.objects.create(
        client=client,
        user=user,
        endpoint_id=endpoint_id,
        resource=resource,
        scopes=sorted(scopes),
        expires_at=now + lasts,
    )
    Client.objects.filter(pk=client.pk).update(last_used_at=now)
    record("login.opened", tenant_id=grant.tenant_id, acting=_actor(grant), target=grant.id, after=_state(grant))
    return grant


def own_login(client: Client, *, resource: str, scopes: Collection[str]) -> Grant:
    """The open login of a program that acts for itself: one, however often it asks for a token."""
    now = timezone.now()
    locked = Client.objects.select_for_update().get(pk=client.pk)
    found = Grant.objects.filter(client=locked, user=None, revoked_at=None, resource=resource).first()
    if found is None:
        return open_login(locked, None, endpoint_id=locked.endpoint_id, resource=resource, scopes=scopes)
    found.last_used_at, found.expires_at = now, now + LOGIN_AT_MOST
    found.save(update_fields=["last_used_at", "expires_at"])
    return found


def access_token(grant: Grant, tenant: str, *, scopes: Collection[str], target: Target | None = None) -> dict[str, Any]:
    """A token response without a refresh token (RFC 6749 section 5.1, RFC 9068).

    A login for the management API may name one of the tenant's endpoints as its target: the token is for that alone.
    """
    target = target or Target(grant.resource, grant.endpoint_id)
    now = timezone.now()
    issued = int(now.timestamp())
    scope = " ".join(sorted(scopes))
    claims = {
        "iss": issuer_url(tenant),
        "sub": grant.subject,
        "aud": target.resource,
        "iat": issued,
        "exp": issued + ACCESS_SECONDS,
        "jti": str(ULID()),
        "client_id": grant.client.client_id,
        "scope": scope,
        "roles": _roles(grant, tenant),
        "kind": "user" if grant.user_id else "client",
        "grant": grant.id,
        "endpoint": target.endpoint_id or MANAGEMENT,
    }
    return {"access_token": sign(claims), "token_type": "Bearer", "expires_in": ACCESS_SECONDS, "scope": scope}


def refresh_token(grant: Grant) -> str:
    """A new one for the family; the others are not touched."""
    now = timezone.now()
    token = secrets.new_secret("rt")
    RefreshToken.objects.create(
        digest=secrets.digest(token), grant=grant, expires_at=min(now + REFRESH_IDLE, grant.expires_at)
    )
    return token


def redeem_refresh_token(token: str, client: Client) -> RefreshToken | None:
    """The token, used from now on, with its login locked; None when it does not work (any longer).

    Two refreshes of one token at once: the lock lets them pass one after the other, and within the grace window both
    work. A use after the window revokes the family (OAuth 2.1 section 4.3.1).
    """
    now = timezone.now()
    found = RefreshToken.objects.filter(digest=secrets.digest(token)).first()
    if found is None:
        return None
    grant = Grant.objects.select_for_update().get(pk=found.grant_id)
    found = RefreshToken.objects.get(pk=found.pk)
    found.grant = grant
    if grant.client_id != client.pk or not grant.is_valid(now) or found.expires_at <= now:
        return None
    if found.used_at is None:
        found.used_at = now
        found.save(update_fields=["used_at"])
    elif found.used_at + GRACE < now:
        _revoke(grant, because="replayed", acting=None)
        return None
    Grant.objects.filter(pk=grant.pk).update(last_used_at=now)
    RefreshToken.objects.filter(grant=grant, expires_at__lt=now).delete()
    return found


def redeem_code(code: str, client: Client) -> AuthorizationCode | None:
    """The code, locked, when it can be used once more. A second use revokes what the first one gave."""
    found = AuthorizationCode.objects.select_for_update().filter(digest=secrets.digest(code)).first()
    if found is None or found.client_id != client.pk:
        return None
    if found.grant_id:
        revoke_grants(Grant.objects.filter(pk=found.grant_id), because="code_replayed", acting=None)
        return None
    return found if timezone.now() < found.expires_at else None


def revoke_grants(grants: QuerySet[Grant], *, because: str, acting: Principal | None) -> int:
    """End them: no refresh from the commit on, no call within seconds. How many were still open."""
    open_ones = list(grants.select_for_update(of=("self",)).filter(revoked_at=None).order_by("pk"))
    for grant in open_ones:
        _revoke(grant, because=because, acting=acting)
    return len(open_ones)


def revoke_login(grant_id: str, *, acting: Principal | None) -> None:
    """One login: one's own, or anybody's with `members:write`. Its client has to ask for consent again.

    Raises GrantNotFoundError.
    """
    grant = _visible(acting).filter(pk=grant_id).select_related("client").first()
    if grant is None:
        raise GrantNotFoundError(grant_id)
    Consent.objects.filter(user_id=grant.user_id, client=grant.client).delete()
    others = Grant.objects.filter(client=grant.client, user_id=grant.user_id)
    revoke_grants(others, because="by_hand", acting=acting)


def revoke_all(*, acting: Principal | None) -> int:
    """Every login and every consent of the tenant: for an incident."""
    require(acting, "tenant:write")
    Consent.objects.all().delete()
    return revoke_grants(Grant.objects.all(), because="all_revoked", acting=acting)


def logins(*, acting: Principal | None) -> QuerySet[Grant]:
    """The open ones: one's own; everybody's with `members:write`. Newest first."""
    return _visible(acting).filter(revoked_at=None, expires_at__gt=timezone.now()).select_related("client", "endpoint")


def drop_expired(now: datetime) -> None:
    """Codes that nobody can use any longer. Their logins keep what matters."""
    AuthorizationCode.objects.filter(expires_at__lt=now - timedelta(hours=1)).delete()


def _visible(acting: Principal | None) -> QuerySet[Grant]:
    if acting is None or permits(acting, "members:write"):
        return Grant.objects.all()
    return Grant.objects.filter(user_id=acting.subject)


def _revoke(grant: Grant, *, because: str, acting: Principal | None) -> None:
    before = _state(grant)
    grant.revoked_at = timezone.now()
    grant.revoked_because = because
    grant.save(update_fields=["revoked_at", "revoked_because"])
    RefreshToken.objects.filter(grant=grant).delete()
    record(
        "login.revoked", tenant_id=grant.tenant_id, acting=acting, target=grant.id, before=before, after=_state(grant)
    )
    tell_gateways(grant)


def tell_gateways(grant: Grant) -> None:
    """At once over Redis, and by a row that they find within seconds without it."""
    RevokedLogin.objects.filter(revoked_at__lt=timezone.now() - timedelta(days=1)).delete()
    RevokedLogin.objects.update_or_create(grant_id=grant.id, defaults={"subject": grant.subject})
    announce_on_commit(GRANTS, f"{grant.id} {grant.subject}")


def _roles(grant: Grant, tenant: str) -> list[str]:
    principal = principal_of(grant.user, tenant) if grant.user else None
    return sorted(principal.roles) if principal else []


def _actor(grant: Grant) -> Principal:
    """Logging in is the person's own act, or the client's own."""
    return Principal(
        tenant=grant.tenant_id,
        issuer="stoa:accounts",
        subject=grant.subject,
        kind="user" if grant.user_id else "client",
        client_id=grant.client_id,
        scopes=frozenset(grant.scopes),
        roles=frozenset(),
        audience=grant.endpoint_id or MANAGEMENT,
    )


def _state(grant: Grant) -> dict[str, object]:
    return {
        "client": grant.client_id,
        "user": grant.user_id,
        "resource": grant.resource,
        "scopes": grant.scopes,
        "revoked_at": grant.revoked_at,
    }
