"""What a gateway is told at start."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mcp_runtime.authorization.principals import CACHE_SECONDS
from mcp_runtime.gateway.limits import Caps
from mcp_runtime.gateway.paging import PAGE_ITEMS
from mcp_runtime.gateway.sealing import KEY_BYTES
from mcp_runtime.protocol.codec import MAX_BYTES
from mcp_runtime.transports.streamable_http import HEARTBEAT_SECONDS

MAX_BODY_BYTES = MAX_BYTES
BODY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    public_url: str
    """Where clients reach this gateway, without a path: `https://mcp.example.com`."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that a Host header may have, beside the public URL's own: `mcp.example.com`, `[::1]`, `.example.com` for
    all below it, `*` for any."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may call, beside the public URL's own."""
    max_body_bytes: int = MAX_BODY_BYTES
    body_seconds: float = BODY_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    principal_seconds: float = CACHE_SECONDS
    """How long a verified credential is believed; a revocation ends it at once."""
    sealing_key: bytes = field(default_factory=lambda: os.urandom(KEY_BYTES), repr=False)
    """Seals what clients carry for us: request state and cursors. Gateways of one platform share it."""
    caps: Caps = field(default_factory=Caps)
    page_items: int = PAGE_ITEMS
    traced_percent: int | None = None
    """Of the traces that begin here, how many are sampled. None: nothing is traced."""
