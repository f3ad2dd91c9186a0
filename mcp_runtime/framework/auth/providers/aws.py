"""AWS Cognito (FASTMCP A-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from mcp_runtime.framework.auth.discovery import DiscoveredJWTVerifier
from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.oauth_proxy import ProxyOptions
from mcp_runtime.framework.auth.oidc_proxy import OIDCProxy

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("AWSCognitoProvider", "AWSCognitoTokenVerifier")

_SHOWN = ("sub", "username", "cognito:groups")


class AWSCognitoTokenVerifier(DiscoveredJWTVerifier):
    """Cognito's access tokens name their application in `client_id` and have no audience."""

    own_client_id: str = ""

    def accepts_audience(self, claims: Mapping[str, Any]) -> bool:
        return claims.get("client_id") == self.own_client_id and claims.get("token_use") == "access"


class AWSCognitoProvider(OIDCProxy):
    """People log in with a Cognito user pool. Tools see `sub`, `username` and `cognito:groups`."""

    def __init__(
        self,
        *,
        user_pool_id: str | None = None,
        aws_region: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        timeout_seconds: float | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("AWSCognitoProvider", "AWS_COGNITO")
        region = settings.text("aws_region", aws_region) or "eu-central-1"
        pool = settings.required("user_pool_id", user_pool_id)
        own_id = settings.required("client_id", client_id)
        scopes = settings.words("required_scopes", required_scopes) or ["openid"]
        options.setdefault("forward_resource", False)  # Cognito takes the names of its own resource servers only
        super().__init__(
            config_url=f"https://cognito-idp.{region}.amazonaws.com/{pool}/.well-known/openid-configuration",
            client_id=own_id,
            client_secret=settings.required("client_secret", client_secret),
            base_url=settings.required("base_url", base_url),
            required_scopes=scopes,
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **settings.proxy_options(options),
        )
        verifier = AWSCognitoTokenVerifier(
            self.discovery, Fetcher(http_client, seconds=timeout_seconds), required_scopes=scopes
        )
        verifier.own_client_id = own_id
        self.token_verifier = verifier

    def described(self, token: AccessToken) -> AccessToken:
        return replace(token, claims={name: token.claims[name] for name in _SHOWN if name in token.claims})
