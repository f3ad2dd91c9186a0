"""The credentials port: turn what a client presents into a principal, and hand workers their secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from tenants.principal import Principal


class Credentials(Protocol):
    """Verifies bearer credentials. Asked on a cache miss only; the runtime caches answers for at most 5 s."""

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        """The principal of an API key presented at `/t/<tenant>/…`; None if unknown, expired, revoked or foreign."""

    async def refused(self, principal: Principal, fault: str) -> None:
        """A sound credential was used where it does not count: put that on record."""

    def revocations(self) -> AsyncIterator[str]:
        """Yields the `Principal.subject` or key whose credential changed; `*` when any may have."""


class Secrets(Protocol):
    """Opens sealed environment variables at the moment a worker is claimed."""

    async def environment(self, tenant_id: str, server_id: str) -> Mapping[str, str]:
        """The server's environment, decrypted. Never logged, never cached."""
