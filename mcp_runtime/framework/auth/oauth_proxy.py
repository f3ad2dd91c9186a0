"""OAuthProxy: for identity providers where no MCP client can register itself (FASTMCP A-13; PROTOCOL O-13, U-03, U-05).

    MCP client  ── registers, logs in ──>  this server  ── as its one registered application ──>  identity provider

Clients register here and get tokens of this server, bound to its MCP endpoint. People are asked first, on a page that
names the client and where they will be sent; then they log in at the provider. What the provider gives stays here,
sealed. Each leg has its own PKCE. The browser that comes back from the provider must be the one that agreed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from mcp_runtime.framework.auth.client_documents import ClientDocuments, is_client_address
from mcp_runtime.framework.auth.errors import OAuthError, ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.grants import (
    AuthorizationCode,
    AuthorizationParams,
    OAuthClient,
    OAuthToken,
    RefreshToken,
)
from mcp_runtime.framework.auth.http import Route
from mcp_runtime.framework.auth.issuing import Issuing
from mcp_runtime.framework.auth.keys import ProxyKeys
from mcp_runtime.framework.auth.login import Login
from mcp_runtime.framework.auth.proxy_store import ProxyStore
from mcp_runtime.framework.auth.redirects import RedirectPolicy
from mcp_runtime.framework.auth.server import OAuthProvider
from mcp_runtime.framework.auth.upstream import Endpoints, Upstream

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier
    from mcp_runtime.framework.auth.tokens import AccessToken
    from mcp_runtime.framework.auth.upstream import UpstreamTokens
    from mcp_runtime.framework.storage.base import KeyValue

__all__ = ("Consent", "OAuthProxy", "ProxyOptions")

logger = logging.getLogger(__name__)

Consent = bool | Literal["external", "remember"]
_REGISTRATION_SECONDS = 24 * 3600
"""How long a client is known that registered and never came back."""
_CLIENT_SECONDS = 365 * 24 * 3600


class ProxyOptions(TypedDict, total=False):
    """What every provider that is an OAuth proxy takes besides its own settings."""

    resource_base_url: object | None
    issuer_url: object | None
    redirect_path: str | None
    service_documentation_url: object | None
    allowed_client_redirect_uris: Iterable[object] | None
    valid_scopes: Iterable[str] | None
    client_storage: KeyValue | None
    jwt_signing_key: str | bytes | None
    require_authorization_consent: Consent
    consent_csp_policy: str | None
    forward_resource: bool
    extra_token_params: Mapping[str, str] | None
    fallback_access_token_expiry_seconds: int | None
    fallback_refresh_token_expiry_seconds: int | None
    fastmcp_access_token_expiry_seconds: int | None
    token_expiry_threshold_seconds: int
    enable_cimd: bool


class OAuthProxy(OAuthProvider):
    """One registered application at a provider, for any number of MCP clients.

    Without `allowed_client_redirect_uris`, clients may have people sent back only to the person's own machine; list
    what else you trust, as in `["http://localhost:*", "https://claude.ai/api/mcp/auth_callback"]`.
    """

    def __init__(
        self,
        *,
        upstream_authorization_endpoint: object,
        upstream_token_endpoint: object,
        upstream_client_id: str,
        upstream_client_secret: str | None = None,
        upstream_revocation_endpoint: object | None = None,
        token_verifier: TokenVerifier,
        base_url: object,
        resource_base_url: object | None = None,
        redirect_path: str | None = None,
        issuer_url: object | None = None,
        service_documentation_url: object | None = None,
        allowed_client_redirect_uris: Iterable[object] | None = None,
        valid_scopes: Iterable[str] | None = None,
        forward_pkce: bool = True,
        forward_resource: bool = True,
        token_endpoint_auth_method: str | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        extra_token_params: Mapping[str, str] | None = None,
        client_storage: KeyValue | None = None,
        jwt_signing_key: str | bytes | None = None,
        require_authorization_consent: Consent = True,
        consent_csp_policy: str | None = None,
        fallback_access_token_expiry_seconds: int | None = None,
        fallback_refresh_token_expiry_seconds: int | None = None,
        fastmcp_access_token_expiry_seconds: int | None = None,
        token_expiry_threshold_seconds: int = 0,
        enable_cimd: bool = True,
        http_client: httpx2.AsyncClient | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            issuer_url=issuer_url,
            resource_base_url=resource_base_url,
            service_documentation_url=service_documentation_url,
            required_scopes=token_verifier.required_scopes,
            valid_scopes=valid_scopes,
            redirect_policy=RedirectPolicy(allowed_client_redirect_uris),
        )
        self.token_verifier = token_verifier
        self.redirect_path = "/" + (redirect_path or "/auth/callback").strip("/")
        self._static_endpoints = Endpoints(
            str(upstream_authorization_endpoint),
            str(upstream_token_endpoint),
            None if upstream_revocation_endpoint is None else str(upstream_revocation_endpoint),
        )
        self.fetcher = Fetcher(http_client, seconds=timeout_seconds)
        self.upstream = Upstream(
            endpoints=self.upstream_endpoints,
            client_id=upstream_client_id,
            client_secret=upstream_client_secret,
            fetcher=self.fetcher,
            auth_method=token_endpoint_auth_method,
            authorize_params=extra_authorize_params,
            token_params=extra_token_params,
        )
        self.client_documents = ClientDocuments(self.redirect_policy) if enable_cimd else None
        self.keys = keys = ProxyKeys(jwt_signing_key, upstream_client_secret)
        self.store = ProxyStore(client_storage, keys)
        self.issuing = Issuing(
            self,
            keys,
            access_seconds=fastmcp_access_token_expiry_seconds,
            fallback_seconds=fallback_access_token_expiry_seconds,
            refresh_seconds=fallback_refresh_token_expiry_seconds,
            threshold=token_expiry_threshold_seconds,
        )
        if require_authorization_consent not in (True, False, "remember", "external"):
            raise WrongSetting(
                f"require_authorization_consent={require_authorization_consent!r} is none of True, 'remember', "
                "'external' and False."
            )
        self._login = Login(
            self,
            keys,
            asks=require_authorization_consent in (True, "remember"),
            csp=consent_csp_policy,
            forward_pkce=forward_pkce,
            forward_resource=forward_resource,
        )
        if require_authorization_consent is False:
            logger.warning(
                "require_authorization_consent=False: whoever gets people to click a link gets in as them. "
                "Use it for development, or say 'external' where something in front of this server asks."
            )

    # What a provider may say differently.

    async def upstream_endpoints(self) -> Endpoints:
        """Where the identity provider listens."""
        return self._static_endpoints

    def upstream_scopes(self, scopes: Sequence[str]) -> list[str]:
        """What the provider is asked for when an MCP client asks for `scopes`."""
        return [*scopes]

    def token_to_verify(self, tokens: UpstreamTokens) -> str | None:
        """Which of the provider's tokens says who the person is."""
        return tokens.access_token

    def described(self, token: AccessToken) -> AccessToken:
        """What tools see of a verified token."""
        return token

    # What an authorization server remembers.

    def routes(self) -> Sequence[Route]:
        return [*super().routes(), *self._login.routes()]

    def metadata(self) -> dict[str, Any]:
        return {**super().metadata(), "client_id_metadata_document_supported": self.client_documents is not None}

    async def get_client(self, client_id: str) -> OAuthClient | None:
        await self.keys.ready()
        if self.client_documents is not None and is_client_address(client_id):
            return await self.client_documents.get(client_id)
        record = await self.store.clients.get(client_id)
        return None if record is None else OAuthClient.from_record(record)

    async def register_client(self, client: OAuthClient) -> None:
        await self.keys.ready()
        if await self.store.clients.get(client.client_id) is None:
            await self.store.clients.put(client.client_id, client.as_record(), seconds=_REGISTRATION_SECONDS)

    async def authorize(self, client: OAuthClient, params: AuthorizationParams) -> str:
        return await self._login.begin(client, params)

    async def load_authorization_code(self, client: OAuthClient, code: str) -> AuthorizationCode | None:
        record = await self.store.codes.get(code)
        if record is None:
            await self.issuing.revoke_what_a_replayed_code_gave(code)
            return None
        return AuthorizationCode(code=code, **record)

    async def exchange_authorization_code(self, client: OAuthClient, code: AuthorizationCode) -> OAuthToken:
        answer = await self.issuing.exchange(client, code)
        if not is_client_address(client.client_id):
            await self.store.clients.put(client.client_id, client.as_record(), seconds=_CLIENT_SECONDS)
        return answer

    async def load_refresh_token(self, client: OAuthClient, token: str) -> RefreshToken | None:
        return await self.issuing.load_refresh_token(token)

    async def exchange_refresh_token(
        self, client: OAuthClient, token: RefreshToken, scopes: Sequence[str]
    ) -> OAuthToken:
        return await self.issuing.refresh(client, token, scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        await self.keys.ready()
        return await self.issuing.load_access_token(token)

    async def revoke_token(self, client: OAuthClient, token: str) -> None:
        tokens = await self.issuing.revoke(client, token)
        if tokens is not None:
            try:
                await self.upstream.revoke(tokens)
            except (OAuthError, ProviderUnavailable) as error:
                logger.info("The identity provider did not take back a token: %s", error)
