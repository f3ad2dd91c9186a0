"""The grants of OAuth 2.1 on Authlib's classes: codes with PKCE (S256 only), rotating refresh tokens.

Authlib brings the order of the checks and the errors; what is looked up, kept and issued is `logins`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.issuer import devices, logins, secrets
from controlplane.issuer.addresses import endpoint_of, management_url, resource_url
from controlplane.issuer.endpoints import Target, find_endpoint
from controlplane.issuer.models import AuthorizationCode, Client, DeviceCode, RefreshToken

CODE_LIFETIME = timedelta(seconds=60)
CONFIDENTIAL_METHODS = ["client_secret_basic", "client_secret_post"]
AUTH_METHODS = ["none", *CONFIDENTIAL_METHODS]

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class InvalidTargetError(OAuth2Error):
    """RFC 8707 section 2."""

    error = "invalid_target"


class Pkce(CodeChallenge):
    """Every client proves that it began what it finishes; `plain` does not exist here (PROTOCOL O-01)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        parameters = grant.request.payload.data
        if parameters.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: send 'code_challenge_method=S256'.")
        if not _CHALLENGE.fullmatch(parameters.get("code_challenge", "")):
            raise InvalidRequestError("PKCE is required: 'code_challenge' is the base64url SHA-256 of the verifier.")


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Client) -> str:
        """An address that was not registered is never followed, so its error has no redirect either."""
        uri = request.payload.redirect_uri
        if not uri:
            raise InvalidRequestError("The parameter 'redirect_uri' is missing.")
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("The client did not register this 'redirect_uri'.")
        return str(uri)

    def generate_authorization_code(self) -> str:
        return secrets.new_secret("ac")

    def save_authorization_code(self, code: str, request: Any) -> None:
        target = request.target
        AuthorizationCode.objects.create(
            digest=secrets.digest(code),
            client=request.client,
            user=request.user,
            endpoint_id=target.endpoint_id,
            redirect_uri=request.payload.redirect_uri,
            resource=target.resource,
            scopes=request.scope.split(),
            code_challenge=request.payload.data["code_challenge"],
            expires_at=timezone.now() + CODE_LIFETIME,
        )

    def validate_token_request(self) -> None:
        super().validate_token_request()
        same_resource(self.request, self.request.authorization_code.resource)

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        return logins.redeem_code(code, client)

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User | None:
        """Between the page and this moment the person may have left, or lost the right."""
        user = authorization_code.user
        may = logins.who_may(user, self.server.tenant.slug, authorization_code.scopes)
        return user if may == authorization_code.scopes else None

    def generate_token(self, user: User, scope: str, include_refresh_token: bool = True, **unused: Any) -> Any:
        code = self.request.authorization_code
        login = logins.open_login(
            self.request.client,
            user,
            endpoint_id=code.endpoint_id,
            resource=code.resource,
            scopes=scope.split(),
        )
        code.grant = login
        token = logins.access_token(login, self.server.tenant.slug, scopes=scope.split())
        return {**token, "refresh_token": logins.refresh_token(login)} if include_refresh_token else token

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """It stays, used: a second use must be noticed."""
        authorization_code.save(update_fields=["grant"])
        logins.drop_expired(timezone.now())


class DeviceGrant(DeviceCodeGrant):
    """The second half of a device's login: it asks until the person has decided."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_device_credential(self, device_code: str) -> DeviceCode | None:
        return devices.find(device_code)

    def query_user_grant(self, user_code: str) -> tuple[User, bool] | None:
        code = self.request.device_code
        return (code.user, code.allowed) if code.user else None

    def validate_device_credential(self, credential: DeviceCode) -> User:
        self.request.device_code = credential
        user: User = super().validate_device_credential(credential)
        if logins.who_may(user, self.server.tenant.slug, credential.scopes) != credential.scopes:
            raise InvalidGrantError("The person may no longer do what they allowed.")
        return user

    def should_slow_down(self, credential: DeviceCode) -> bool:
        return devices.polled_too_soon(credential)

    def generate_token(self, user: User, scope: str, include_refresh_token: bool = True, **unused: Any) -> Any:
        code = self.request.device_code
        login = logins.open_login(
            self.request.client, user, endpoint_id=code.endpoint_id, resource=code.resource, scopes=code.scopes
        )
        code.delete()
        token = logins.access_token(login, self.server.tenant.slug, scopes=code.scopes)
        return {**token, "refresh_token": logins.refresh_token(login)} if include_refresh_token else token


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def validate_token_request(self) -> None:
        super().validate_token_request()
        login = self.request.refresh_token.grant
        named = self.request.payload.datalist.get("resource", [])
        if login.endpoint_id is None and named != [login.resource] and named:
            # Who may manage the tenant may call its endpoints too, with a token for each.
            self.request.target = target_of(named, self.server.tenant.slug)
            return
        same_resource(self.request, login.resource)

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        return logins.redeem_refresh_token(refresh_token, self.request.client)

    def authenticate_user(self, refresh_token: RefreshToken) -> User:
        user = refresh_token.grant.user
        may = logins.who_may(user, self.server.tenant.slug, refresh_token.grant.scopes) if user else []
        if user is None or may != refresh_token.grant.scopes:
            raise InvalidGrantError("The person may no longer do what this token was for: log in again.")
        return user

    def generate_token(self, user: User, scope: str, **unused: Any) -> Any:
        login = self.request.refresh_token.grant
        target = self.request.target
        wanted = [name for name in scope.split() if target is None or name in logins.SCOPES]
        if not wanted or not set(wanted) <= set(login.scopes):
            raise InvalidScopeError
        token = logins.access_token(login, self.server.tenant.slug, scopes=wanted, target=target)
        return {**token, "refresh_token": logins.refresh_token(login)}

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """It was marked as used when it was found; within the grace window it works on."""


class OwnGrant(ClientCredentialsGrant):
    """For a program that acts for itself, made by a member for one endpoint (PROTOCOL CC-01). It gets no refresh token:
    it has its secret."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_METHODS

    def validate_token_request(self) -> None:
        super().validate_token_request()
        wanted = (self.request.payload.scope or " ".join(logins.SCOPES)).split()
        if not set(wanted) <= set(logins.SCOPES):
            raise InvalidScopeError
        self.request.scope = " ".join(wanted)
        same_resource(self.request, self._resource())

    def generate_token(self, scope: str, **unused: Any) -> Any:
        client = self.request.client
        wanted = self.request.scope.split()
        login = logins.own_login(client, resource=self._resource(), scopes=wanted)
        return logins.access_token(login, self.server.tenant.slug, scopes=wanted)

    def _resource(self) -> str:
        return resource_url(self.server.tenant.slug, self.request.client.endpoint.slug)


def target_of(named: Sequence[str], tenant: str, *, management: bool = False) -> Target:
    """The resource and the endpoint that a request names. Raises InvalidTargetError."""
    if len(named) != 1:
        raise InvalidTargetError("Name one resource: the address of the endpoint, as its metadata has it.")
    if management and named[0] == management_url(tenant):
        return Target(named[0], None)
    endpoint = endpoint_of(named[0], tenant)
    endpoint_id = find_endpoint(endpoint) if endpoint else None
    if endpoint is None or endpoint_id is None:
        raise InvalidTargetError("There is no such resource at this issuer.")
    return Target(resource_url(tenant, endpoint), endpoint_id)


def same_resource(request: Any, granted: str) -> None:
    """A token request may name the resource again, and no other (RFC 8707 section 2.2, PROTOCOL O-03)."""
    tenant = request.tenant
    for named in request.payload.datalist.get("resource", []):
        if named == granted:
            continue
        endpoint = endpoint_of(named, tenant)
        if endpoint is None or resource_url(tenant, endpoint) != granted:
            raise InvalidTargetError("This was granted for another resource.")
