"""Opaque tokens of providers that answer at an address of their own who a token speaks for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp_runtime.framework.auth.answers import AnswerCache
from mcp_runtime.framework.auth.errors import ProviderUnavailable
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.provider import TokenVerifier

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.fetch import Answer
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("AskingVerifier",)


class AskingVerifier(TokenVerifier):
    """Asks about each token; answers are kept for `cache_ttl_seconds` where the author says so."""

    def __init__(
        self,
        *,
        required_scopes: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(required_scopes=required_scopes)
        self.fetcher = Fetcher(http_client, seconds=timeout_seconds)
        self._answers = AnswerCache(cache_ttl_seconds, max_cache_size)

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self._answers.get(token, self.ask)

    @abstractmethod
    async def ask(self, token: str) -> AccessToken | None:
        """Ask the provider. Raises ProviderUnavailable."""

    async def about(self, url: str, token: str, accept: str = "application/json") -> Answer | None:
        """The provider's answer to who brings `token`; None when it is not valid there."""
        answer = await self.fetcher.get(url, headers={"authorization": f"Bearer {token}", "accept": accept})
        if answer.status == 403 and (
            answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
        ):
            raise ProviderUnavailable("The identity provider answers no more questions for now.")
        if answer.status in (400, 401, 403):
            return None
        if not answer.ok:
            raise ProviderUnavailable(f"The identity provider answered {answer.status}.")
        return answer
