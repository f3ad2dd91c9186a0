"""A verifier that accepts what a function says, everything by default. For development only (FASTMCP A-15)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable

from mcp_runtime.framework.auth.provider import TokenVerifier, words
from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("DebugTokenVerifier",)

logger = logging.getLogger(__name__)


def anything(token: str) -> bool:
    return True


class DebugTokenVerifier(TokenVerifier):
    def __init__(
        self,
        validate: Callable[[str], bool | Awaitable[bool]] = anything,
        client_id: str = "debug-client",
        scopes: Iterable[str] | None = None,
        required_scopes: Iterable[str] | None = None,
    ) -> None:
        super().__init__(required_scopes=required_scopes)
        self.validate = validate
        self.client_id = client_id
        self.scopes = words(scopes)
        if validate is anything:
            logger.warning("DebugTokenVerifier() accepts every token; give it validate= to choose")

    async def verify_token(self, token: str) -> AccessToken | None:
        if not token.strip():
            return None
        said = self.validate(token)
        if inspect.isawaitable(said):
            said = await said
        return AccessToken(token, self.client_id, self.scopes, None, {"sub": self.client_id}) if said else None
