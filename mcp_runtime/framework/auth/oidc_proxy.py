"""OIDCProxy: an OAuthProxy whose provider describes itself at an OpenID configuration address (FASTMCP A-14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.discovery import DiscoveredJWTVerifier, Discovery
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.provider import words
from mcp_runtime.framework.auth.upstream import Endpoints

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier
    from mcp_runtime.framework.auth.upstream import UpstreamTokens

__all__ = ("OIDCProxy",)


class OIDCProxy(OAuthProxy):
    """`config_url` is asked when the first person logs in, not before.

    `audience` is what access tokens must be for; it is also sent along where people log in, as providers with APIs of
    that name want it. With `verify_id_token`, the ID token says who the person is: for providers whose access tokens
    are opaque.
    """

    def __init__(
        self,
        *,
        config_url: object,
        client_id: str,
        client_secret: str | None = None,
        base_url: object,
        audience: str | None = None,
        strict: bool | None = None,
        algorithm: str | None = None,
        required_scopes: Iterable[str] | None = None,
        token_verifier: TokenVerifier | None = None,
        verify_id_token: bool = False,
        token_endpoint_auth_method: str | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        timeout_seconds: float | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        fetcher = Fetcher(http_client, seconds=timeout_seconds)
        self.discovery = Discovery(config_url, fetcher, strict=strict is not False)
        asked = {} if audience is None else {"audience": audience}
        scopes = words(required_scopes)
        if verify_id_token and "openid" not in scopes:
            scopes.insert(0, "openid")
        self._verifies_id_token = verify_id_token
        super().__init__(
            upstream_authorization_endpoint="",
            upstream_token_endpoint="",
            upstream_client_id=client_id,
            upstream_client_secret=client_secret,
            token_verifier=token_verifier
            or DiscoveredJWTVerifier(
                self.discovery,
                fetcher,
                audience=client_id if verify_id_token else audience,
                algorithm=algorithm,
                required_scopes=scopes,
                accepts_id_tokens=verify_id_token,
            ),
            base_url=base_url,
            token_endpoint_auth_method=token_endpoint_auth_method,
            extra_authorize_params={**asked, **(extra_authorize_params or {})},
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **options,
        )

    async def upstream_endpoints(self) -> Endpoints:
        document = await self.discovery.document()
        methods = document.get("token_endpoint_auth_methods_supported")
        revocation = document.get("revocation_endpoint")
        return Endpoints(
            await self.discovery.endpoint("authorization_endpoint"),
            await self.discovery.endpoint("token_endpoint"),
            revocation if isinstance(revocation, str) else None,
            methods if isinstance(methods, list) else ["client_secret_basic"],
            await self.discovery.issuer(),
            document.get("authorization_response_iss_parameter_supported") is True,
        )

    def token_to_verify(self, tokens: UpstreamTokens) -> str | None:
        return tokens.id_token if self._verifies_id_token else tokens.access_token
