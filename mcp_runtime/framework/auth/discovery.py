"""What an OpenID provider says about itself, asked at the first need and kept for a day (FASTMCP A-14).

Importing a module or constructing a provider asks nobody: a server starts, and lists its tools, where the provider
cannot be reached.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.errors import ProviderUnavailable
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.jwt import JWTVerifier

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.fetch import Fetcher
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("DiscoveredJWTVerifier", "Discovery")

_KEEP_SECONDS = 24 * 3600.0
_WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


class Discovery:
    """The document at `config_url`. `strict`: its issuer must be the one whose document it is (OIDC Discovery 4.3)."""

    def __init__(
        self,
        config_url: object,
        fetcher: Fetcher,
        *,
        strict: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config_url = checked_url(config_url, "config_url")
        self._fetcher = fetcher
        self._strict = strict
        self._now = now
        self._document: dict[str, Any] | None = None
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()

    async def document(self) -> dict[str, Any]:
        """Raises ProviderUnavailable."""
        if self._document is None or self._now() - self._fetched_at > _KEEP_SECONDS:
            async with self._lock:
                if self._document is None or self._now() - self._fetched_at > _KEEP_SECONDS:
                    self._document = self._checked(await self._fetcher.document(self.config_url))
                    self._fetched_at = self._now()
        return self._document

    async def issuer(self) -> str:
        return str((await self.document())["issuer"])

    async def endpoint(self, name: str) -> str:
        """An address from the document. Raises ProviderUnavailable where it is missing."""
        found = (await self.document()).get(name)
        if not isinstance(found, str):
            raise ProviderUnavailable(f"{self.config_url} names no {name}.")
        return found

    def _checked(self, document: dict[str, Any]) -> dict[str, Any]:
        issuer = document.get("issuer")
        if not isinstance(issuer, str):
            raise ProviderUnavailable(f"{self.config_url} names no issuer.")
        if self._strict and issuer.rstrip("/") != _issuer_of(self.config_url):
            raise ProviderUnavailable(
                f"{self.config_url} says that it is about {issuer!r}, which has its document elsewhere. "
                "Where that is intended, say strict=False."
            )
        secure = urlsplit(self.config_url).scheme == "https"
        for name, value in document.items():
            if not (name.endswith("_endpoint") or name == "jwks_uri") or not isinstance(value, str):
                continue
            if urlsplit(value).scheme != "https" and (secure or urlsplit(value).scheme != "http"):
                raise ProviderUnavailable(f"{self.config_url} names a {name} that is not https.")
        return document


class DiscoveredJWTVerifier(JWTVerifier):
    """Verifies by the keys and the issuer that discovery finds."""

    def __init__(
        self,
        discovery: Discovery,
        fetcher: Fetcher,
        *,
        audience: str | list[str] | None = None,
        algorithm: str | None = None,
        required_scopes: list[str] | None = None,
        accepts_id_tokens: bool = False,
    ) -> None:
        super().__init__(
            jwks_uri=discovery.config_url,
            audience=audience,
            algorithm=algorithm,
            required_scopes=required_scopes or [],
        )
        self.accepts_id_tokens = accepts_id_tokens
        self.discovery = discovery
        self.use_published_keys(lambda: discovery.endpoint("jwks_uri"), fetcher)

    async def verify_token(self, token: str) -> AccessToken | None:
        self.issuers = [await self.discovery.issuer()]
        return await super().verify_token(token)


def _issuer_of(config_url: str) -> str:
    """RFC 8414 puts the well-known part between host and path, OpenID Connect at the end."""
    for part in _WELL_KNOWN:
        if config_url.endswith(part):
            return config_url.removesuffix(part)
        before, found, path = config_url.partition(part)
        if found:
            return before + path
    return config_url
