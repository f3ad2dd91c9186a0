"""Assertions of a tenant's own identity provider as grants: a company decides there which programs act for whom.

The provider signs that a client may act for a person at one endpoint (an identity assertion authorization grant,
PROTOCOL EMA-01 to EMA-04); the client shows that here under its own secret (RFC 7523 section 2.1). Nobody is asked,
and nobody is made: the person has signed in by that provider before, and is found by issuer and subject alone.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from django.utils import timezone

from controlplane.accounts.models import Identity, User
from controlplane.issuer import logins, secrets
from controlplane.issuer.client_metadata import JWT_BEARER
from controlplane.issuer.grants import CONFIDENTIAL_METHODS, InvalidTargetError, same_resource, target_of
from controlplane.issuer.models import UsedAssertion
from controlplane.issuer.signing import ACCESS_SECONDS
from controlplane.outbound import FetchError
from controlplane.providers import metadata, protocols, tokens
from controlplane.providers.errors import SignInRefused
from controlplane.providers.models import Provider
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from tenants.context import acting_for
from tenants.lookups import TenantSummary

PROFILE: Final = "urn:ietf:params:oauth:grant-profile:id-jag"
TYPE: Final = "oauth-id-jag+jwt"
MAX_AGE_SECONDS: Final = 600
"""It comes straight from the provider; one that was made long ago is a replay or a broken clock."""
_MAX_JTI: Final = 255

log = logging.getLogger("stoa.issuer")


def vouched(assertion: str, tenant: TenantSummary) -> dict[str, Any] | None:
    """What a provider of the tenant's signed; None for what none did.

    Outside any transaction: the provider's keys may have to be fetched, and its host may be slow.
    """
    if _type_of(assertion) != TYPE:
        return None
    issuer = tokens.unverified(assertion).get("iss")
    if not isinstance(issuer, str) or "\0" in issuer:
        return None
    with acting_for(tenant.id):
        provider = Provider.objects.filter(issuer=issuer, enabled=True).first()
    if provider is None:
        return None
    try:
        found = protocols.locate(provider)
        if not found.jwks_uri or found.issuer != issuer:
            return None
        return tokens.verified(assertion, lambda afresh: metadata.keys(found.jwks_uri, afresh=afresh))
    except (SignInRefused, FetchError) as error:
        log.warning("An assertion under the name of the provider %s was refused: %s", provider.id, error)
        return None


class AssertionGrant(BaseGrant, TokenEndpointMixin):
    """No refresh token comes of it: the client brings another assertion, and the company has decided again."""

    GRANT_TYPE = JWT_BEARER
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_METHODS

    def validate_token_request(self) -> None:
        """Raises InvalidGrantError, whichever of the assertion's claims is wrong."""
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("The client did not register for this grant.")
        self.request.client = client
        claims = self.request.vouched
        if claims is None:
            raise InvalidGrantError("No identity provider of this tenant made this assertion.")
        self._check(claims)
        self.request.target = self._target(claims)
        self.request.user = user = _person(claims)
        self.request.scope = self._scope(claims, user)
        _use_up(claims)

    def create_token_response(self) -> tuple[int, Any, Any]:
        target, scopes = self.request.target, self.request.scope.split()
        login = logins.open_login(
            self.request.client,
            self.request.user,
            endpoint_id=target.endpoint_id,
            resource=target.resource,
            scopes=scopes,
            lasts=timedelta(seconds=ACCESS_SECONDS),
        )
        return 200, logins.access_token(login, self.server.tenant.slug, scopes=scopes), self.TOKEN_RESPONSE_HEADER

    def _check(self, claims: Mapping[str, Any]) -> None:
        """For whom it is, for which client, and when it was made."""
        if claims.get("aud") not in (self.server.issuer, [self.server.issuer]):
            raise InvalidGrantError("The assertion is for another issuer.")
        if claims.get("client_id") != self.request.client.client_id:
            raise InvalidGrantError("The assertion is for another client.")
        if "iat" not in claims:
            raise InvalidGrantError("The assertion does not say when it was made.")
        try:
            tokens.check_times(claims, max_age=MAX_AGE_SECONDS)
        except tokens.BadToken as error:
            raise InvalidGrantError(str(error)) from error

    def _target(self, claims: Mapping[str, Any]) -> Any:
        said = claims.get("resource")
        named = [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str)]
        try:
            target = target_of(named, self.server.tenant.slug)
        except InvalidTargetError as error:
            raise InvalidGrantError("The assertion is for no endpoint of this tenant.") from error
        same_resource(self.request, target.resource)
        return target

    def _scope(self, claims: Mapping[str, Any], user: User) -> str:
        """What the provider, the client, the person's role and the issuer all agree on."""
        scopes: list[str] = list(logins.SCOPES)
        for named in (claims.get("scope"), self.request.payload.scope or None):
            if named is not None:
                scopes = [scope for scope in scopes if isinstance(named, str) and scope in named.split()]
        scopes = logins.who_may(user, self.server.tenant.slug, scopes)
        if not scopes:
            raise InvalidGrantError("None of the scopes can be given to this person.")
        return " ".join(scopes)


def _person(claims: Mapping[str, Any]) -> User:
    subject = claims.get("sub")
    if isinstance(subject, str) and "\0" not in subject:
        identity = Identity.objects.filter(issuer=claims["iss"], subject=subject).select_related("user").first()
        if identity is not None:
            return identity.user
    raise InvalidGrantError("The person has not signed in here by this provider yet: let them do so once.")


def _use_up(claims: Mapping[str, Any]) -> None:
    """An assertion works once. Two at once: the second waits for the first one's row, and finds it."""
    name = claims.get("jti")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_JTI:
        raise InvalidGrantError("The assertion has no usable 'jti'.")
    now = timezone.now()
    UsedAssertion.objects.filter(expires_at__lt=now).delete()
    # By then it is too old, whatever it says of its end: both times of `check_times` have a leeway.
    ends = now + timedelta(seconds=MAX_AGE_SECONDS + 2 * tokens.LEEWAY_SECONDS)
    _, is_new = UsedAssertion.objects.get_or_create(
        issuer=claims["iss"], digest=secrets.digest(name), defaults={"expires_at": ends}
    )
    if not is_new:
        raise InvalidGrantError("The assertion was used before.")


def _type_of(assertion: str) -> str:
    """The `typ` of the header, lower case; empty for what is no signed token."""
    encoded = assertion.partition(".")[0]
    try:
        header = codec.read(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), max_bytes=tokens.MAX_TOKEN)
    except (binascii.Error, ValueError, ParseError):
        return ""
    return str(header.get("typ", "")).lower() if isinstance(header, dict) else ""
