"""WorkOS and its AuthKit (FASTMCP A-05)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.jwt import JWTVerifier
from mcp_runtime.framework.auth.providers.remote import ForwardingProvider
from mcp_runtime.framework.auth.providers.userinfo import AskingVerifier
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier

__all__ = ("AuthKitProvider", "WorkOSProvider", "WorkOSTokenVerifier")


class WorkOSTokenVerifier(AskingVerifier):
    """Asks AuthKit's userinfo."""

    def __init__(
        self,
        *,
        authkit_domain: str,
        required_scopes: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(required_scopes=required_scopes, timeout_seconds=timeout_seconds, http_client=http_client)
        self.authkit_domain = _address(authkit_domain)

    async def ask(self, token: str) -> AccessToken | None:
        answer = await self.about(f"{self.authkit_domain}/oauth2/userinfo", token)
        user = None if answer is None else answer.json()
        if user is None or "sub" not in user:
            return None
        return AccessToken(token, str(user["sub"]), scopes_of(user, "scope"), None, user)


class WorkOSProvider(OAuthProxy):
    """People log in with WorkOS Connect, by an application registered there."""

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        authkit_domain: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("WorkOSProvider", "WORKOS")
        domain = _address(settings.required("authkit_domain", authkit_domain))
        super().__init__(
            upstream_authorization_endpoint=f"{domain}/oauth2/authorize",
            upstream_token_endpoint=f"{domain}/oauth2/token",
            upstream_client_id=settings.required("client_id", client_id),
            upstream_client_secret=settings.required("client_secret", client_secret),
            token_verifier=WorkOSTokenVerifier(
                authkit_domain=domain,
                required_scopes=settings.words("required_scopes", required_scopes),
                timeout_seconds=timeout_seconds,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            extra_authorize_params=extra_authorize_params,
            timeout_seconds=timeout_seconds,
            http_client=http_client,
            **settings.proxy_options(options),
        )


class AuthKitProvider(ForwardingProvider):
    """Clients register and people log in at AuthKit itself."""

    def __init__(
        self,
        *,
        authkit_domain: object | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        scopes_supported: Iterable[str] | None = None,
        resource_base_url: object | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        token_verifier: TokenVerifier | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("AuthKitProvider", "AUTHKITPROVIDER", "AUTHKIT")
        domain = _address(settings.required("authkit_domain", authkit_domain))
        super().__init__(
            token_verifier=token_verifier
            or JWTVerifier(
                jwks_uri=f"{domain}/oauth2/jwks",
                issuer=domain,
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                http_client=http_client,
            ),
            authorization_server=domain,
            metadata_url=f"{domain}/.well-known/oauth-authorization-server",
            base_url=settings.required("base_url", base_url),
            scopes_supported=scopes_supported,
            resource_base_url=resource_base_url,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
            http_client=http_client,
        )


def _address(domain: object) -> str:
    text = str(domain)
    return checked_url(text if "://" in text else f"https://{text}", "authkit_domain")
