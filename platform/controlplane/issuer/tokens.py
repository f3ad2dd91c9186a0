"""Revocation (RFC 7009) and introspection (RFC 7662) of what the issuer gave to the client that asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from django.utils import timezone

from controlplane.issuer import logins, secrets
from controlplane.issuer.models import Client, Grant, RefreshToken
from controlplane.issuer.trust import signers_of
from mcp_runtime.authorization.access_tokens import Claims, Issuer

_ANY = ["none", "client_secret_basic", "client_secret_post"]


@dataclass(frozen=True, slots=True)
class Presented:
    """A token of this issuer, as revocation and introspection see it."""

    grant: Grant
    kind: str
    claims: Claims | None
    expires_at: datetime

    def check_client(self, client: Client) -> bool:
        return self.grant.client_id == client.pk

    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    def is_revoked(self) -> bool:
        return not self.grant.is_valid(timezone.now())


def find(token: str, tenant: str) -> Presented | None:
    """Whatever hint the client gave: the two kinds cannot be mistaken for one another."""
    refresh = RefreshToken.objects.filter(digest=secrets.digest(token)).select_related("grant__client").first()
    if refresh is not None:
        return Presented(refresh.grant, "refresh_token", None, refresh.expires_at)
    signers = signers_of([tenant]).get(tenant)
    claims = Issuer(signers).claims(token) if signers else None
    grant = Grant.objects.filter(pk=claims.grant).select_related("client").first() if claims else None
    if claims is None or grant is None:
        return None
    return Presented(grant, "access_token", claims, datetime.fromtimestamp(claims.exp, tz=timezone.now().tzinfo))


class Revocation(RevocationEndpoint):
    """Revoking any token ends its whole login: an access token left over would live on for minutes."""

    CLIENT_AUTH_METHODS: ClassVar = _ANY

    def authenticate_token(self, request: Any, client: Client) -> Presented | None:
        """Another client's token is none of this client's business: the answer is that of an unknown one."""
        found = find(_token(request), self.server.tenant.slug)
        return found if found is not None and found.check_client(client) else None

    def revoke_token(self, token: Presented, request: Any) -> None:
        logins.revoke_grants(Grant.objects.filter(pk=token.grant.pk), because="by_client", acting=None)


class Introspection(IntrospectionEndpoint):
    """For confidential clients, about their own tokens."""

    CLIENT_AUTH_METHODS: ClassVar = ["client_secret_basic", "client_secret_post"]

    def authenticate_token(self, request: Any, client: Client) -> Presented | None:
        found = find(_token(request), self.server.tenant.slug)
        return found if found is not None and found.check_client(client) else None

    def introspect_token(self, token: Presented) -> dict[str, object]:
        grant = token.grant
        about: dict[str, object] = {
            "active": True,
            "client_id": grant.client.client_id,
            "sub": grant.subject,
            "aud": grant.resource,
            "iss": self.server.issuer,
            "scope": token.claims.scope if token.claims else " ".join(grant.scopes),
            "exp": int(token.expires_at.timestamp()),
        }
        if token.claims is not None:
            about |= {"token_type": "Bearer", "iat": token.claims.iat, "jti": token.claims.jti}
        return about


def _token(request: Any) -> str:
    token = request.form.get("token")
    if not token:
        raise InvalidRequestError("The parameter 'token' is missing.")
    return str(token)
