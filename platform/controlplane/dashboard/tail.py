"""The live tail of calls, over Channels: what a page shows first, goes on as it happens.

It asks the record once a second, as often as gateways write it: no call costs more because somebody watches. What
comes faster than a person reads is left out, and how much that was is told.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.calls import services
from controlplane.calls.models import Call
from controlplane.calls.services import FILTERS
from controlplane.dashboard.consumers import NOT_FOUND
from tenants.context import acting_for, in_thread
from tenants.principal import Principal
from tenants.roles import permits

EVERY_SECONDS: Final = 1.0
MOST: Final = 200
"""Calls in one message, and in the page."""
WINDOW: Final = 600
"""How many of the newest are looked at: rows of one second may become visible in another order than their numbers."""
LONGEST_SECONDS: Final = 30 * 60.0
"""A tail ends then; a page that is still looked at connects again."""


class CallsConsumer(AsyncJsonWebsocketConsumer):
    """Sends `{"calls": […], "left_out": n}`, the oldest first, of what is newer than `after`. Hears nothing."""

    tailing: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        given = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        asked = {name: values[-1] for name, values in given.items()}
        wanted: dict[str, str] = {name: asked[name][:2_048].replace("\0", "") for name in FILTERS if name in asked}
        after = asked.get("after", "")
        newest = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
        self.tailing = asyncio.create_task(self._tail(wanted, newest))

    async def disconnect(self, code: int) -> None:
        if self.tailing is not None:
            self.tailing.cancel()
            with suppress(asyncio.CancelledError):
                await self.tailing

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **more: Any) -> None:
        """Pages have nothing to say here; whatever comes is dropped."""

    async def _tail(self, wanted: dict[str, str], after: int) -> None:
        user, tenant = self.scope["user"], self.scope["url_route"]["kwargs"]["tenant"]
        until = time.monotonic() + LONGEST_SECONDS
        seen: set[int] = set()
        while time.monotonic() < until:
            found = await in_thread(_newest, user, tenant, wanted)
            if found is None:  # nobody who may look, or not any more
                await self.close(NOT_FOUND)
                return
            fresh = [call for call in reversed(found) if call.id > after and call.id not in seen]
            seen = {call.id for call in found}
            if fresh:
                shown = fresh[-MOST:]
                await self.send_json({"calls": [_as_json(call) for call in shown], "left_out": len(fresh) - len(shown)})
            await asyncio.sleep(EVERY_SECONDS)
        await self.close()


def _newest(user: Any, tenant: str, wanted: dict[str, str]) -> list[Call] | None:
    """Asked for each time, so that who loses the right to look sees no more."""
    principal: Principal | None = principal_of(user, tenant) if isinstance(user, User) else None
    if principal is None or not permits(principal, "calls:read"):
        return None
    with acting_for(principal.tenant):
        return services.calls(wanted, limit=WINDOW, acting=principal)


def _as_json(call: Call) -> dict[str, Any]:
    return {
        "id": call.id,
        "at": call.at.isoformat(),
        "endpoint": call.endpoint,
        "method": call.method,
        "name": call.name,
        "subject": call.subject,
        "protocol": call.protocol,
        "outcome": call.outcome,
        "good": call.good,
        "ms": round(call.ms, 1),
        "request_id": call.request_id,
    }
