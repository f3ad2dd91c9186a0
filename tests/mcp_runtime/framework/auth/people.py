"""A person's browser: opens the consent page, decides, logs in at the stand-in, comes back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from mcp_runtime.framework.auth.provider import AuthProvider
from tests.mcp_runtime.framework.auth.identity import IdentityProvider
from tests.mcp_runtime.framework.auth.logins import McpClient, answer_in
from tests.mcp_runtime.framework.auth.web import BASE, site


class Person:
    def __init__(self, browser: httpx2.AsyncClient, idp: IdentityProvider) -> None:
        self.browser = browser
        self.idp = idp
        self.client = McpClient(browser)

    async def consent_page(self, **changes: str | None) -> httpx2.Response:
        asked = await self.client.authorize(**changes)
        assert asked.status_code == 302, asked.text
        assert asked.headers["location"].startswith(f"{BASE}/consent?txn_id="), asked.headers["location"]
        return await self.browser.get(asked.headers["location"])

    async def decide(self, page: httpx2.Response, action: str = "approve", **changes: str) -> httpx2.Response:
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'name="(txn_id|csrf)" value="([^"]*)"', page.text))
        return await self.browser.post("/consent", data={**fields, "action": action, **changes})

    async def come_back(self, decided: httpx2.Response) -> httpx2.Response:
        """From the provider, where the person logs in, to this server's callback."""
        assert decided.status_code == 302, decided.text
        return await self.browser.get(self.idp.log_in(decided.headers["location"]))

    async def log_in(self, **changes: str | None) -> dict[str, Any]:
        """All of it; the token response."""
        code = answer_in(await self.come_back(await self.decide(await self.consent_page(**changes))))["code"]
        answer = await self.client.exchange(code)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def person_at(provider: AuthProvider, idp: IdentityProvider) -> AsyncIterator[Person]:
    async with site(provider) as browser:
        person = Person(browser, idp)
        await person.client.register()
        yield person
