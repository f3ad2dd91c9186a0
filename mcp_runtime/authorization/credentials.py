"""The two kinds of credential an endpoint takes, behind one port: API keys by asking, access tokens by verifying."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from mcp_runtime.authorization.access_tokens import looks_like_one
from mcp_runtime.authorization.trusted import TrustedIssuers
from mcp_runtime.ports.credentials import Credentials
from tenants.principal import Principal


class KeysAndTokens:
    """`mcp_runtime.ports.credentials.Credentials` over both."""

    def __init__(self, keys: Credentials, tokens: TrustedIssuers) -> None:
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        if looks_like_one(token):
            return await self._tokens.authenticate(token, tenant=tenant)
        return await self._keys.authenticate(token, tenant=tenant)

    async def refused(self, principal: Principal, fault: str) -> None:
        await self._keys.refused(principal, fault)

    async def revocations(self) -> AsyncIterator[str]:
        """Of both kinds. A fault in either ends it, so that the reader follows again and forgets what it knew."""
        news: asyncio.Queue[str | Exception] = asyncio.Queue()
        running = [asyncio.create_task(_pass_on(source, news)) for source in (self._keys, self._tokens)]
        try:
            while True:
                subject = await news.get()
                if isinstance(subject, Exception):
                    raise subject
                yield subject
        finally:
            for task in running:
                while not task.done():
                    task.cancel()
                    await asyncio.wait({task}, timeout=0.1)


async def _pass_on(source: Credentials | TrustedIssuers, news: asyncio.Queue[str | Exception]) -> None:
    try:
        async for subject in source.revocations():
            await news.put(subject)
    except Exception as error:  # noqa: BLE001  handed on, whatever it is
        await news.put(error)
