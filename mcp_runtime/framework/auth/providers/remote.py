"""What providers that let MCP clients register themselves have in common (FASTMCP A-05 to A-07).

Clients log in there and bring signed tokens here. Older clients look for the authorization server's metadata at this
server; they find a copy, fetched when the first one asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.errors import OAuthError
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.http import Request, Response, Route
from mcp_runtime.framework.auth.provider import RemoteAuthProvider

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier

__all__ = ("ForwardingProvider",)


class ForwardingProvider(RemoteAuthProvider):
    """A remote provider with one authorization server, whose metadata stands at `metadata_url`."""

    def __init__(
        self,
        *,
        token_verifier: TokenVerifier,
        authorization_server: str,
        metadata_url: str,
        base_url: object,
        scopes_supported: Iterable[str] | None = None,
        resource_base_url: object | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(
            token_verifier,
            [authorization_server],
            base_url,
            scopes_supported=scopes_supported,
            resource_base_url=resource_base_url,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
        self.metadata_url = metadata_url
        self._fetcher = Fetcher(http_client)

    def routes(self) -> Sequence[Route]:
        path = urlsplit(str(self.base_url)).path
        place = f"/.well-known/oauth-authorization-server{path}"
        return [*super().routes(), Route(place, self._serve_copy, open_to_browsers=True)]

    async def _serve_copy(self, request: Request) -> Response:
        answer = await self._fetcher.get(self.metadata_url)
        if not answer.ok:
            raise OAuthError("server_error", "The authorization server's metadata is not there.", status=502)
        return Response.json(answer.json(), headers=[("cache-control", "public, max-age=300")])
