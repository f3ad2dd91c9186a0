"""The runtime's secrets port (`mcp_runtime.ports.credentials.Secrets`) over the vault."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.vault.services import environment
from tenants.context import in_thread


class DatabaseSecrets:
    """Opens a server's variables in a thread, at the moment a worker is claimed."""

    async def environment(self, tenant_id: str, server_id: str) -> Mapping[str, str]:
        return await in_thread(environment, tenant_id, server_id)
