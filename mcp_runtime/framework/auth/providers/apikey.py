"""API keys: as a bearer token or in the X-API-Key header (FASTMCP A-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.provider import TokenVerifier
from mcp_runtime.framework.auth.tables import TokenTable
from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("APIKeyProvider",)


class APIKeyProvider(TokenVerifier):
    """`APIKeyProvider(api_keys={"key": {"user": "ada", "scopes": ["read"]}})`, or just the keys as a list."""

    def __init__(
        self,
        api_keys: Mapping[str, Mapping[str, Any] | str] | Iterable[str] | None = None,
        *,
        required_scopes: Iterable[str] | None = None,
        header: str = "X-API-Key",
        base_url: object | None = None,
    ) -> None:
        settings = Settings("APIKeyProvider", "APIKEY")
        super().__init__(settings.text("base_url", base_url), settings.words("required_scopes", required_scopes))
        keys = settings.words("api_keys", None) if api_keys is None else api_keys
        if isinstance(keys, str):
            raise WrongSetting("api_keys= is one text; write a mapping or a list, so that each letter is not a key.")
        self.api_keys = TokenTable(keys or (), "user")
        if not self.api_keys:
            raise WrongSetting(
                "APIKeyProvider knows no key: give it api_keys=, or FASTMCP_SERVER_AUTH_APIKEY_API_KEYS."
            )
        self.header = header.lower()

    def credential(self, headers: Mapping[str, str]) -> str | None:
        return super().credential(headers) or headers.get(self.header) or None

    async def verify_token(self, token: str) -> AccessToken | None:
        return self.api_keys.find(token)
