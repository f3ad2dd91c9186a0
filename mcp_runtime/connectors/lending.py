"""Callers' own credentials at upstreams: had from the port, kept for moments, and asked for where there are none."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

import msgspec

from mcp_runtime.ports.connections import ConnectionNeeded, Connections, Lent
from mcp_runtime.ports.plans import Remote
from mcp_runtime.ports.sandboxes import Asker, UpstreamError
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import Internal, McpError
from mcp_runtime.transports.refusals import problem

KEPT_SECONDS = 4.0
"""How long an answer of the port is believed: a connection that was ended is not used for longer."""
MAX_KEPT = 10_000
LOGIN_SECONDS = 45.0
"""How long a call waits for somebody who said that they will log in."""
POLL_SECONDS = 1.0
_URL_ELICITATION_REQUIRED = -32042
_URL_ELICITATION_SINCE = "2025-11-25"

Key = tuple[str, str, str, str]


class Lending:
    """What was lent in this process."""

    def __init__(self, connections: Connections, *, now: Callable[[], float] = time.monotonic) -> None:
        self._connections = connections
        self._now = now
        self._kept: dict[Key, tuple[Lent | None, float]] = {}

    async def lent(self, remote: Remote, caller: Caller, asker: Asker | None, *, refused: str = "") -> Lent | None:
        """The caller's token, None where the server takes no connections. Raises McpError, ClientError."""
        try:
            return await self._find(remote, caller, refused)
        except ConnectionNeeded as needed:
            if asker is not None and _can_be_sent(caller) and await _agrees(asker, needed):
                found = await self._after_login(remote, caller)
                if found is not None:
                    return found
            raise _explained(needed, caller) from None

    async def _find(self, remote: Remote, caller: Caller, refused: str) -> Lent | None:
        key = (remote.tenant_id, remote.server_id, caller.subject)
        place = (*key, remote.url)
        kept = self._kept.get(place)
        if kept is not None and kept[1] > self._now() and not refused:
            return kept[0]
        found = await self._connections.lent(*key, url=remote.url, refused=refused)
        self._kept.pop(place, None)
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[place] = (found, self._now() + KEPT_SECONDS)
        return found

    async def _after_login(self, remote: Remote, caller: Caller) -> Lent | None:
        """That someone agreed says that they were shown the page, not that they are through with it."""
        until = self._now() + LOGIN_SECONDS
        while self._now() < until:
            try:
                return await self._find(remote, caller, "")
            except ConnectionNeeded:
                await asyncio.sleep(POLL_SECONDS)
        return None


def _can_be_sent(caller: Caller) -> bool:
    """Whether the client opens addresses (PROTOCOL 2.7, URL elicitation)."""
    elicitation = caller.client_capabilities.get("elicitation")
    return isinstance(elicitation, dict) and "url" in elicitation


async def _agrees(asker: Asker, needed: ConnectionNeeded) -> bool:
    try:
        answer = await asker("elicitation/create", msgspec.Raw(msgspec.json.encode(_elicitation(needed))))
    except UpstreamError:
        return False
    said: object = msgspec.json.decode(answer)
    return isinstance(said, dict) and said.get("action") == "accept"


def _elicitation(needed: ConnectionNeeded) -> dict[str, str]:
    return {
        "mode": "url",
        "elicitationId": secrets.token_hex(12),
        "url": needed.url,
        "message": f"Connect your account at {needed.server} to go on.",
    }


def _explained(needed: ConnectionNeeded, caller: Caller) -> McpError:
    """An error that the client can show, with the address in it; one that it acts on where it knows such."""
    message = f"You are not connected to {needed.server}. Open {needed.url} and log in, then call again."
    data = problem("connection_needed", "you", f"Open {needed.url}", caller.request_id, url=needed.url)
    if _can_be_sent(caller) and caller.protocol_version == _URL_ELICITATION_SINCE:
        data["elicitations"] = [_elicitation(needed)]
        return McpError(message, code=_URL_ELICITATION_REQUIRED, data=data)
    return Internal(message, data=data)
