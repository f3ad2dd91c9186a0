"""The runtime's credentials port (`mcp_runtime.ports.credentials.Credentials`) over API keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from controlplane.announcements import KEYS, listen
from controlplane.keys.authentication import principal_for, refuse
from tenants.context import in_thread
from tenants.principal import Principal


class DatabaseCredentials:
    """Asks Postgres about a key, in a thread; hears of revocations over Redis."""

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        return await in_thread(principal_for, token, tenant)

    async def refused(self, principal: Principal, fault: str) -> None:
        await in_thread(refuse, principal, fault)

    async def revocations(self) -> AsyncGenerator[str, None]:
        async with aclosing(listen(KEYS)) as messages:
            async for key_id in messages:
                yield "*" if key_id is None else key_id
