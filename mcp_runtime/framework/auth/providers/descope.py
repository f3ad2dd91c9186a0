"""Descope (FASTMCP A-06)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.jwt import JWTVerifier
from mcp_runtime.framework.auth.providers.remote import ForwardingProvider

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier

__all__ = ("DescopeProvider",)

_OPENID = "/.well-known/openid-configuration"


class DescopeProvider(ForwardingProvider):
    """`config_url` of the MCP server as Descope's console shows it; or, as before, `project_id` and its base URL."""

    def __init__(
        self,
        *,
        config_url: object | None = None,
        project_id: str | None = None,
        descope_base_url: object | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        scopes_supported: Iterable[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        token_verifier: TokenVerifier | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("DescopeProvider", "DESCOPEPROVIDER", "DESCOPE")
        config = settings.text("config_url", config_url)
        if config is not None:
            issuer = checked_url(config, "config_url").removesuffix(_OPENID)
            project = _project_of(issuer)
            host = f"{urlsplit(issuer).scheme}://{urlsplit(issuer).netloc}"
            issuers = [issuer]
        else:
            project = settings.required("project_id", project_id)
            given = settings.text("descope_base_url", descope_base_url) or "https://api.descope.com"
            host = checked_url(given if "://" in given else f"https://{given}", "descope_base_url")
            issuer = f"{host}/v1/apps/{project}"
            issuers = [issuer, f"{host}/{project}"]  # projects have issued under both
        super().__init__(
            token_verifier=token_verifier
            or JWTVerifier(
                jwks_uri=f"{host}/{project}/.well-known/jwks.json",
                issuer=issuers,
                audience=project,
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                http_client=http_client,
            ),
            authorization_server=issuer,
            metadata_url=f"{issuer}{_OPENID}",
            base_url=settings.required("base_url", base_url),
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
            http_client=http_client,
        )


def _project_of(issuer: str) -> str:
    """The project in `https://api.descope.com/v1/apps/agentic/<project>/<server>`."""
    segments = [segment for segment in urlsplit(issuer).path.split("/") if segment]
    for before, segment in pairwise(segments):
        if before in ("agentic", "apps") and segment != "agentic":
            return segment
    raise WrongSetting(f"config_url={issuer!r} names no project; copy the address from Descope's console.")
