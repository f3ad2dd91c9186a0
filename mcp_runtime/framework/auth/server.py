"""OAuthProvider: an authorization server beside the MCP endpoint that it protects (OAuth 2.1; PROTOCOL 5.3).

The protocol is here; what is remembered, and who logs in how, is a subclass's: see `providers/in_memory.py` for the
smallest, `oauth_proxy.py` for one that sends people on to another provider.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from mcp_runtime.framework.auth.errors import AuthorizeError, OAuthError, TokenError
from mcp_runtime.framework.auth.grants import (
    AuthorizationCode,
    AuthorizationParams,
    OAuthClient,
    OAuthToken,
    RefreshToken,
)
from mcp_runtime.framework.auth.http import Request, Response, Route
from mcp_runtime.framework.auth.metadata import authorization_server_routes, resource_route
from mcp_runtime.framework.auth.provider import AuthProvider, checked_url, metadata_url, words
from mcp_runtime.framework.auth.redirects import RedirectPolicy, same_redirect
from mcp_runtime.framework.auth.registration import AUTH_METHODS, registered
from mcp_runtime.framework.auth.settings import ClientRegistrationOptions

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.settings import RevocationOptions
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("OAuthProvider",)

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))


class OAuthProvider(AuthProvider):
    """Authorization code with PKCE S256, refresh tokens, registration and revocation; nothing else."""

    def __init__(
        self,
        *,
        base_url: object,
        issuer_url: object | None = None,
        resource_base_url: object | None = None,
        service_documentation_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        valid_scopes: Iterable[str] | None = None,
        client_registration_options: ClientRegistrationOptions | None = None,
        revocation_options: RevocationOptions | None = None,
        redirect_policy: RedirectPolicy | None = None,
    ) -> None:
        """Clients may register and revoke unless options say that they may not."""
        super().__init__(base_url, required_scopes, resource_base_url=resource_base_url)
        self.issuer = checked_url(issuer_url or base_url, "issuer_url")
        self.service_documentation_url = service_documentation_url
        registration = client_registration_options or ClientRegistrationOptions(enabled=True)
        self.valid_scopes = words(valid_scopes) or words(registration.valid_scopes)
        self.default_scopes = words(registration.default_scopes)
        self._registers = registration.enabled
        self._revokes = revocation_options is None or revocation_options.enabled
        self.redirect_policy = redirect_policy or RedirectPolicy(None, any_https=True)

    # What a subclass remembers.

    async def get_client(self, client_id: str) -> OAuthClient | None:
        raise NotImplementedError

    async def register_client(self, client: OAuthClient) -> None:
        raise NotImplementedError

    async def authorize(self, client: OAuthClient, params: AuthorizationParams) -> str:
        """Where the browser goes next: a page that asks the person, or back to the client with a code."""
        raise NotImplementedError

    async def load_authorization_code(self, client: OAuthClient, code: str) -> AuthorizationCode | None:
        raise NotImplementedError

    async def exchange_authorization_code(self, client: OAuthClient, code: AuthorizationCode) -> OAuthToken:
        """Works once for each code. Raises TokenError."""
        raise NotImplementedError

    async def load_refresh_token(self, client: OAuthClient, token: str) -> RefreshToken | None:
        raise NotImplementedError

    async def exchange_refresh_token(
        self, client: OAuthClient, token: RefreshToken, scopes: Sequence[str]
    ) -> OAuthToken:
        raise NotImplementedError

    async def load_access_token(self, token: str) -> AccessToken | None:
        raise NotImplementedError

    async def revoke_token(self, client: OAuthClient, token: str) -> None:
        """Whatever kind of token it is; nothing when it is none."""
        raise NotImplementedError

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self.load_access_token(token)

    # What stands beside the MCP endpoint.

    @property
    def scopes_supported(self) -> list[str]:
        return self.valid_scopes or self.required_scopes

    @property
    def resource_metadata_url(self) -> str | None:
        return metadata_url(str(self.resource_url))

    def routes(self) -> Sequence[Route]:
        resource = resource_route(
            str(self.resource_url), authorization_servers=[self.issuer], scopes=self.scopes_supported
        )
        return [
            resource,
            *authorization_server_routes(self.issuer, self.metadata()),
            Route("/authorize", self._serve_authorize, ("GET", "POST")),
            Route("/token", self._serve_token, ("POST",), open_to_browsers=True),
            *([Route("/register", self._serve_register, ("POST",), open_to_browsers=True)] if self._registers else []),
            *([Route("/revoke", self._serve_revoke, ("POST",), open_to_browsers=True)] if self._revokes else []),
        ]

    def metadata(self) -> dict[str, Any]:
        """RFC 8414 section 2."""
        found: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base_url}/authorize",
            "token_endpoint": f"{self.base_url}/token",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [*AUTH_METHODS],
            "authorization_response_iss_parameter_supported": True,
        }
        if self._registers:
            found["registration_endpoint"] = f"{self.base_url}/register"
        if self._revokes:
            found["revocation_endpoint"] = f"{self.base_url}/revoke"
            found["revocation_endpoint_auth_methods_supported"] = [*AUTH_METHODS]
        if self.scopes_supported:
            found["scopes_supported"] = self.scopes_supported
        if self.service_documentation_url is not None:
            found["service_documentation"] = str(self.service_documentation_url)
        return found

    def answer_to_client(self, redirect_uri: str, state: str | None, **fields: str) -> str:
        """The client's address with an answer in its query, the state unchanged, and the issuer (RFC 9207)."""
        answer = {**fields, "iss": self.issuer} | ({} if state is None else {"state": state})
        return redirect_uri + ("&" if urlsplit(redirect_uri).query else "?") + urlencode(answer)

    # The endpoints.

    async def _serve_authorize(self, request: Request) -> Response:
        asked = request.form() if request.method == "POST" else request.query
        client = await self.get_client(asked.get("client_id", ""))
        if client is None:
            raise AuthorizeError("invalid_client", "No client of this id is registered here; register again.")
        redirect_uri = self._redirect_uri(client, asked.get("redirect_uri"))
        state = asked.get("state")
        try:
            params = AuthorizationParams(
                state=state,
                scopes=self._scopes(asked.get("scope")),
                code_challenge=_checked_challenge(asked),
                redirect_uri=redirect_uri,
                redirect_uri_provided_explicitly="redirect_uri" in asked,
                resource=self._checked_resource(asked.get("resource")),
            )
            return Response.redirect(await self.authorize(client, params))
        except OAuthError as error:
            fields = {"error": error.error, "error_description": error.error_description or error.error}
            return Response.redirect(self.answer_to_client(redirect_uri, state, **fields))

    def _redirect_uri(self, client: OAuthClient, given: str | None) -> str:
        """Raises AuthorizeError, which is shown and never sent anywhere (RFC 6749 section 4.1.2.1)."""
        if given is None and len(client.redirect_uris) == 1:
            given = client.redirect_uris[0]
        if given is None or not any(same_redirect(uri, given) for uri in client.redirect_uris):
            raise AuthorizeError("invalid_request", "The redirect_uri is not one that this client registered.")
        if not self.redirect_policy.allows(given):  # the author may have become stricter since
            raise AuthorizeError("invalid_request", "This server does not send people back to that redirect_uri.")
        return given

    def _scopes(self, asked: str | None) -> list[str]:
        """What was asked for and is known here, and what every caller needs."""
        known = self.scopes_supported
        wanted = [scope for scope in (asked or "").split() if not known or scope in known]
        if asked and asked.split() and not wanted and not self.required_scopes:
            raise AuthorizeError("invalid_scope", f"The scopes here are {' '.join(known)}.")
        return list(dict.fromkeys([*(wanted or self.default_scopes), *self.required_scopes]))

    def _checked_resource(self, resource: str | None) -> str | None:
        """RFC 8707 section 2.2; scheme and host in any case (PROTOCOL O-03)."""
        if resource is not None and _normal(resource) != _normal(str(self.resource_url)):
            raise AuthorizeError("invalid_target", f"The resource here is {self.resource_url}.")
        return resource

    async def _serve_token(self, request: Request) -> Response:
        form = request.form()
        client = await self._authenticated(request, form)
        self._checked_resource(form.get("resource"))
        match form.get("grant_type"):
            case "authorization_code":
                answer = await self._exchange_code(client, form)
            case "refresh_token":
                answer = await self._exchange_refresh_token(client, form)
            case _:
                raise TokenError("unsupported_grant_type", "The grants here are authorization_code and refresh_token.")
        return Response.json(answer.as_answer(), headers=_NO_STORE)

    async def _exchange_code(self, client: OAuthClient, form: Mapping[str, str]) -> OAuthToken:
        code = await self.load_authorization_code(client, form.get("code", ""))
        if code is None or code.client_id != client.client_id or code.expired():
            raise TokenError("invalid_grant", "The code is unknown, used or expired.")
        given = form.get("redirect_uri")
        if given != code.redirect_uri and (given is not None or code.redirect_uri_provided_explicitly):
            raise TokenError("invalid_grant", "The redirect_uri is not the one of the authorization request.")
        verifier = form.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier) or not compare_digest(challenge_of(verifier), code.code_challenge):
            raise TokenError("invalid_grant", "The code_verifier does not fit the code_challenge.")
        return await self.exchange_authorization_code(client, code)

    async def _exchange_refresh_token(self, client: OAuthClient, form: Mapping[str, str]) -> OAuthToken:
        if "refresh_token" not in client.grant_types:
            raise TokenError("unauthorized_client", "This client did not register the grant refresh_token.")
        token = await self.load_refresh_token(client, form.get("refresh_token", ""))
        if token is None or token.client_id != client.client_id:
            raise TokenError("invalid_grant", "The refresh token is unknown, used or expired.")
        scopes = form.get("scope", "").split() or token.scopes
        if not set(scopes) <= set(token.scopes):
            raise TokenError("invalid_scope", f"The refresh token covers {' '.join(token.scopes)}.")
        return await self.exchange_refresh_token(client, token, scopes)

    async def _serve_register(self, request: Request) -> Response:
        client, secret = registered(request.json(), self.redirect_policy)
        await self.register_client(client)
        answer = client.as_answer()
        if secret is not None:
            answer |= {"client_secret": secret, "client_secret_expires_at": 0}
        return Response.json(answer, status=201, headers=_NO_STORE)

    async def _serve_revoke(self, request: Request) -> Response:
        """RFC 7009: 200 whether the token was one or not."""
        form = request.form()
        client = await self._authenticated(request, form)
        await self.revoke_token(client, form.get("token", ""))
        return Response(200, _NO_STORE)

    async def _authenticated(self, request: Request, form: Mapping[str, str]) -> OAuthClient:
        """The client, by the method it registered (RFC 6749 section 2.3). Raises TokenError, 401."""
        by_basic = _basic(request.headers.get("authorization", ""))
        client_id, secret = by_basic or (form.get("client_id", ""), form.get("client_secret"))
        client = await self.get_client(client_id) if client_id else None
        if client is None:
            raise TokenError("invalid_client", "No client of this id is registered here; register again.", status=401)
        if client.client_secret_digest is not None and not client.knows_secret(secret or ""):
            raise TokenError("invalid_client", "The client's secret is wrong.", status=401)
        return client


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2, S256."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def _checked_challenge(asked: Mapping[str, str]) -> str:
    if asked.get("response_type") != "code":
        raise AuthorizeError("unsupported_response_type", "The only response_type here is code.")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        raise AuthorizeError(
            "invalid_request", "PKCE is required: send code_challenge with code_challenge_method=S256."
        )
    return asked["code_challenge"]


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(value, validate=True).decode().partition(":")
    except ValueError as error:
        raise TokenError("invalid_client", "The Authorization header is malformed.", status=401) from error
    return unquote_plus(user), unquote_plus(password)


def _normal(uri: str) -> tuple[str, str, str, str, str]:
    parts = urlsplit(uri)
    return (parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query, parts.fragment)
