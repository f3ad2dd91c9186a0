"""What the runner tells the proxy process: JSON messages over a SOCK_SEQPACKET pair, one message a packet."""

from __future__ import annotations

import msgspec

MAX_MESSAGE = 128 * 1024


class EgressLimits(msgspec.Struct, frozen=True):
    """Bounds of one worker's traffic. Units are in the names."""

    connections: int = 64
    total_bytes: int = 1024 * 1024 * 1024
    """Both directions together, over the worker's whole life."""
    head_bytes: int = 8 * 1024
    head_seconds: float = 10.0
    resolve_seconds: float = 10.0
    connect_seconds: float = 10.0
    idle_seconds: float = 120.0
    lifetime_seconds: float = 3_600.0
    """Of one connection."""


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Serve the listening socket that comes with this message."""

    worker: str
    hosts: tuple[str, ...]
    trusted: tuple[str, ...]
    limits: EgressLimits


class Close(msgspec.Struct, frozen=True, tag="close"):
    """Drop the worker's socket and connections."""

    worker: str


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    worker: str
    total_bytes: int


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """A connection that was not made. At most a few a second are told."""

    worker: str
    target: str
    reason: str


ToProxy = Open | Close
FromProxy = Closed | Refusal
