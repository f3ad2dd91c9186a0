"""Microsoft Entra ID (FASTMCP A-03)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.provider import words
from mcp_runtime.framework.auth.providers.jwt import JWTVerifier

if TYPE_CHECKING:
    import httpx2

__all__ = ("AzureJWTVerifier", "AzureProvider")

_AUTHORITY = "login.microsoftonline.com"
_OF_MANY = frozenset({"common", "organizations", "consumers"})
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})


class AzureJWTVerifier(JWTVerifier):
    """Access tokens of version 2.0 for this application, of one directory or, for `organizations`, of any."""

    def __init__(
        self,
        *,
        client_id: str,
        tenant_id: str,
        required_scopes: Iterable[str] | None = None,
        identifier_uri: str | None = None,
        base_authority: str = _AUTHORITY,
        token_issuer: str | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        home = f"https://{base_authority}/{tenant_id}"
        super().__init__(
            jwks_uri=f"{home}/discovery/v2.0/keys",
            audience=[client_id, identifier_uri or f"api://{client_id}"],
            required_scopes=words(required_scopes),
            http_client=http_client,
        )
        self._of_many = None if tenant_id not in _OF_MANY else f"https://{base_authority}/{{}}/v2.0"
        self.issuers = [token_issuer or f"{home}/v2.0"]

    def accepts_issuer(self, claims: Mapping[str, Any]) -> bool:
        """The issuer of a token names the directory of its person, which the token names too."""
        if self._of_many is None or self.issuers is None:
            return super().accepts_issuer(claims)
        directory = claims.get("tid")
        return isinstance(directory, str) and claims.get("iss") == self._of_many.format(directory)


class AzureProvider(OAuthProxy):
    """People log in with Entra ID. Scopes are named as the application exposes them, without its identifier URI.

    The application must issue tokens of version 2 (`requestedAccessTokenVersion: 2` in its manifest).
    """

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        tenant_id: str | None = None,
        required_scopes: Iterable[str] | None = None,
        base_url: object | None = None,
        identifier_uri: str | None = None,
        additional_authorize_scopes: Iterable[str] | None = None,
        base_authority: str | None = None,
        token_issuer: str | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        timeout_seconds: float | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("AzureProvider", "AZURE")
        own_id = settings.required("client_id", client_id)
        directory = settings.required("tenant_id", tenant_id)
        authority = settings.text("base_authority", base_authority) or _AUTHORITY
        scopes = settings.words("required_scopes", required_scopes)
        if not scopes:
            raise WrongSetting(
                "AzureProvider needs required_scopes= with at least one scope that the application exposes, or the "
                "variable FASTMCP_SERVER_AUTH_AZURE_REQUIRED_SCOPES: without one, Entra ID gives tokens for its own "
                "Graph API, which nobody else can verify."
            )
        self.identifier_uri = settings.text("identifier_uri", identifier_uri) or f"api://{own_id}"
        self._additional = settings.words("additional_authorize_scopes", additional_authorize_scopes) or []
        options["forward_resource"] = False  # with scopes of another form, Entra ID refuses it: AADSTS9010010
        super().__init__(
            upstream_authorization_endpoint=f"https://{authority}/{directory}/oauth2/v2.0/authorize",
            upstream_token_endpoint=f"https://{authority}/{directory}/oauth2/v2.0/token",
            upstream_client_id=own_id,
            upstream_client_secret=settings.text("client_secret", client_secret),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
            token_verifier=AzureJWTVerifier(
                client_id=own_id,
                tenant_id=directory,
                required_scopes=[scope for scope in scopes if scope not in _OPENID],
                identifier_uri=self.identifier_uri,
                base_authority=authority,
                token_issuer=token_issuer,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            extra_authorize_params=extra_authorize_params,
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **settings.proxy_options(options),
        )

    def upstream_scopes(self, scopes: Sequence[str]) -> list[str]:
        """Entra ID wants an application's own scopes with its identifier URI in front; tokens carry them without."""
        own = [scope if "://" in scope or scope in _OPENID else f"{self.identifier_uri}/{scope}" for scope in scopes]
        return list(dict.fromkeys([*own, *self._additional, "offline_access"]))
