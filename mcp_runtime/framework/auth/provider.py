"""How a server asks who is calling: AuthProvider and the forms that verify tokens of someone else (FASTMCP 1.8).

What a standalone server does with a provider, in front of its MCP application:

    for route in provider.get_routes(mcp_path):       # metadata, and for authorization servers /authorize, /token …
        ...                                           # each has .path and is an ASGI application
    app = provider.protect(app, mcp_path)             # answers 401/403 with the challenge, or lets the request through

`protect` sets `scope["state"]["access_token"]` and `get_access_token()` for the requests that it lets through. A server
on stdio or in memory asks nobody (A-11), and a platform that authenticates callers itself calls none of this: there a
provider is constructed and never used, so that constructing one neither connects to anything nor needs optional
packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.guard import Guard
    from mcp_runtime.framework.auth.http import ASGIApp, Route
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("AuthProvider", "MultiAuth", "RemoteAuthProvider", "TokenVerifier")

DEFAULT_MCP_PATH = "/mcp"


class AuthProvider:
    """The base of all. `base_url` is the server's public address, without the path of its MCP endpoint.

    Metadata names only addresses from here, never from a request's headers (PROTOCOL A-04): without `base_url`, the
    server has no metadata to offer and its challenges name none.
    """

    def __init__(
        self,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        *,
        resource_base_url: object | None = None,
    ) -> None:
        self.base_url = None if base_url is None else checked_url(base_url, "base_url")
        self.resource_base_url = (
            self.base_url if resource_base_url is None else checked_url(resource_base_url, "resource_base_url")
        )
        self.required_scopes = words(required_scopes)
        self.mcp_path = DEFAULT_MCP_PATH

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token says, or None when it is not valid. Scopes are compared afterwards, by the guard.

        Raises ProviderUnavailable when that cannot be found out now.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to verify a token: define verify_token().")

    def credential(self, headers: Mapping[str, str]) -> str | None:
        """The token among the headers (lower-case names), None when there is none."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def scopes_supported(self) -> list[str]:
        """What the metadata lists."""
        return self.required_scopes

    @property
    def resource_url(self) -> str | None:
        """The address of the MCP endpoint, exactly as clients use it (RFC 8707; PROTOCOL A-03)."""
        return None if self.resource_base_url is None else self.resource_base_url + self.mcp_path

    @property
    def resource_metadata_url(self) -> str | None:
        """Where RFC 9728 section 3.1 puts the metadata of that address; None where this provider offers none."""
        return None

    def set_mcp_path(self, mcp_path: str | None) -> None:
        """Say where the MCP endpoint stands; a server does so before it asks for routes."""
        if mcp_path is not None:
            self.mcp_path = "" if mcp_path == "/" else "/" + mcp_path.strip("/")

    def get_routes(self, mcp_path: str | None = None) -> list[Any]:
        """What stands beside the MCP endpoint: `Route`s, and whatever ASGI routes an author's subclass adds."""
        self.set_mcp_path(mcp_path)
        return [*self.routes()]

    def get_well_known_routes(self, mcp_path: str | None = None) -> list[Any]:
        """Those that belong to the host's root when the server itself is mounted under a path (RFC 8414, RFC 9728)."""
        return [route for route in self.get_routes(mcp_path) if route.path.startswith("/.well-known/")]

    def routes(self) -> Sequence[Route]:
        return ()

    def protect(self, app: ASGIApp, mcp_path: str | None = None) -> Guard:
        """`app` behind this provider."""
        from mcp_runtime.framework.auth.guard import Guard

        self.set_mcp_path(mcp_path)
        return Guard(self, app)


class TokenVerifier(AuthProvider):
    """Verifies tokens that someone else issues. With `base_url` its challenges name the resource's metadata."""

    @property
    def resource_metadata_url(self) -> str | None:
        return None if self.resource_url is None else metadata_url(self.resource_url)

    def routes(self) -> Sequence[Route]:
        from mcp_runtime.framework.auth.metadata import resource_route

        if self.resource_url is None:
            return ()
        return [resource_route(self.resource_url, authorization_servers=(), scopes=self.scopes_supported)]


class RemoteAuthProvider(AuthProvider):
    """A resource server whose clients log in at `authorization_servers` and bring what `token_verifier` accepts."""

    def __init__(
        self,
        token_verifier: TokenVerifier,
        authorization_servers: Iterable[object],
        base_url: object,
        *,
        scopes_supported: Iterable[str] | None = None,
        resource_base_url: object | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
    ) -> None:
        super().__init__(base_url, token_verifier.required_scopes, resource_base_url=resource_base_url)
        self.token_verifier = token_verifier
        self.authorization_servers = [str(server) for server in authorization_servers]
        for server in self.authorization_servers:  # kept as it is: clients compare issuers letter by letter
            checked_url(server, "authorization_servers")
        if not self.authorization_servers:
            raise WrongSetting("authorization_servers names none: clients would not know where to log in.")
        self.resource_name = resource_name
        self.resource_documentation = None if resource_documentation is None else str(resource_documentation)
        self._scopes_supported = words(scopes_supported) or None

    @property
    def scopes_supported(self) -> list[str]:
        return self.token_verifier.scopes_supported if self._scopes_supported is None else self._scopes_supported

    @property
    def resource_metadata_url(self) -> str | None:
        return None if self.resource_url is None else metadata_url(self.resource_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self.token_verifier.verify_token(token)

    def routes(self) -> Sequence[Route]:
        from mcp_runtime.framework.auth.metadata import resource_route

        return [
            resource_route(
                str(self.resource_url),
                authorization_servers=self.authorization_servers,
                scopes=self.scopes_supported,
                name=self.resource_name,
                documentation=self.resource_documentation,
            )
        ]


class MultiAuth(AuthProvider):
    """Several ways in: `server` (whose routes are served), then each of `verifiers`, until one knows the token."""

    def __init__(
        self,
        *,
        server: AuthProvider | None = None,
        verifiers: Mapping[str, TokenVerifier] | Iterable[TokenVerifier] | TokenVerifier | None = None,
        base_url: object | None = None,
        resource_base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
    ) -> None:
        if isinstance(verifiers, TokenVerifier):
            verifiers = [verifiers]
        self.server = server
        self.verifiers = list(verifiers.values() if isinstance(verifiers, Mapping) else verifiers or ())
        self._all: list[AuthProvider] = [*([] if server is None else [server]), *self.verifiers]
        if not self._all:
            raise WrongSetting("MultiAuth() verifies nothing: give it server= or verifiers=.")
        required = words(required_scopes) or ([] if server is None else server.required_scopes)
        super().__init__(
            base_url or (None if server is None else server.base_url), required, resource_base_url=resource_base_url
        )

    @property
    def scopes_supported(self) -> list[str]:
        return self._all[0].scopes_supported

    @property
    def resource_metadata_url(self) -> str | None:
        return None if self.server is None else self.server.resource_metadata_url

    def set_mcp_path(self, mcp_path: str | None) -> None:
        super().set_mcp_path(mcp_path)
        for provider in self._all:
            provider.set_mcp_path(mcp_path)

    def credential(self, headers: Mapping[str, str]) -> str | None:
        return next((found for provider in self._all if (found := provider.credential(headers))), None)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The first answer. A source that is down does not close the door to the others' tokens."""
        down: ProviderUnavailable | None = None
        narrow: AccessToken | None = None
        for provider in self._all:
            try:
                found = await provider.verify_token(token)
            except ProviderUnavailable as error:
                down = error
                continue
            if found is None:
                continue
            if set(provider.required_scopes) <= set(found.scopes):
                return found
            narrow = narrow or found
        if narrow is not None and not set(self.required_scopes) <= set(narrow.scopes):
            return narrow  # valid, and the guard says which scopes are missing
        if down is not None:
            raise down
        return None

    def get_routes(self, mcp_path: str | None = None) -> list[Any]:
        self.set_mcp_path(mcp_path)
        return [] if self.server is None else self.server.get_routes(mcp_path)


def metadata_url(resource: str) -> str:
    """RFC 9728 section 3.1: the well-known part goes between host and path."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"


def checked_url(value: object, name: str) -> str:
    """An absolute http(s) address without a slash at its end. Raises WrongSetting naming the option."""
    text = str(value).strip().rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise WrongSetting(f"{name}={str(value)!r} is not an address like https://mcp.example.com.")
    return text


def words(value: Iterable[str] | None) -> list[str]:
    """Scopes given as a list, or as one text with spaces or commas between them."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    return list(dict.fromkeys(value or ()))
