"""What the servers behind an endpoint want to know of a session beyond its calls: its beginning, its notifications.

Only servers whose code looks at them are told (`Manifest.varying`): telling one starts its worker.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.gateway.plans import INITIALIZE, NOTIFICATIONS, CompiledPlan
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import McpError

log = logging.getLogger("stoa.gateway")


async def begin(plan: CompiledPlan, params: dict[str, object], caller: Caller) -> None:
    """Show `initialize` to those who look at it. Raises McpError where one refuses the client (FASTMCP M-12).

    What they would change in the answer changes nothing: the endpoint's own is every member's.
    """
    raw = msgspec.Raw(codec.write(params))
    for upstream in plan.varying(INITIALIZE).values():
        await upstream.call("initialize", raw, caller=caller)


def hears(plan: CompiledPlan) -> bool:
    """Whether anybody looks at notifications."""
    return bool(plan.varying(NOTIFICATIONS))


async def tell(plan: CompiledPlan, method: str, params: dict[str, object], caller: Caller) -> None:
    """Pass on a notification. Nobody waits for what comes of it."""
    raw = msgspec.Raw(codec.write(params))
    await asyncio.gather(*(_told(upstream, method, raw, caller) for upstream in plan.varying(NOTIFICATIONS).values()))


async def _told(upstream: Upstream, method: str, params: msgspec.Raw, caller: Caller) -> None:
    try:
        await upstream.call(method, params, caller=caller)
    except McpError as error:
        log.info("A server did not take %s: %s", method[:64], error.message)
