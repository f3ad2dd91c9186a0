"""Live pages over Channels."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.registry.errors import RevisionNotFound
from controlplane.registry.models import BuildLogLine, Revision
from controlplane.registry.watching import Ended, watch
from tenants.context import in_thread
from tenants.principal import Principal
from tenants.roles import permits

_NUMBER = re.compile(r"[0-9]{1,7}", re.ASCII)
NOT_FOUND = 4404
"""Close code for a page that is not there, or not there for this person."""


class BuildLogConsumer(AsyncJsonWebsocketConsumer):
    """Sends the log of one revision behind line `after`: `{"line": …}` for each, `{"end": …}` last. Hears nothing."""

    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user, names = self.scope["user"], self.scope["url_route"]["kwargs"]
        principal = await in_thread(_viewer, user, names["tenant"])
        await self.accept()
        if principal is None:
            await self.close(NOT_FOUND)
            return
        after = parse_qs(self.scope["query_string"].decode("ascii", "replace")).get("after", [""])[0]
        self.sending = asyncio.create_task(
            self._send_log(principal, names["revision"], int(after) if _NUMBER.fullmatch(after) else 0)
        )

    async def disconnect(self, code: int) -> None:
        if self.sending is not None:
            self.sending.cancel()
            with suppress(asyncio.CancelledError):
                await self.sending

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **more: Any) -> None:
        """Pages have nothing to say here; whatever comes is dropped."""

    async def _send_log(self, principal: Principal, revision_id: str, after: int) -> None:
        try:
            async for news in watch(principal.tenant, revision_id, after=after):
                if isinstance(news, BuildLogLine):
                    await self.send_json({"line": news.as_json()})
                elif isinstance(news, Ended):
                    await self.send_json({"end": _outcome(news.revision)})
            await self.close()
        except RevisionNotFound:
            await self.close(NOT_FOUND)


def _viewer(user: Any, tenant: str) -> Principal | None:
    principal = principal_of(user, tenant) if isinstance(user, User) else None
    return principal if principal is not None and permits(principal, "servers:read") else None


def _outcome(revision: Revision) -> dict[str, Any]:
    return {"id": revision.id, "status": revision.status, "error": revision.error}
