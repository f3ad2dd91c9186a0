"""What several tests share."""

from __future__ import annotations

from tests.support.clock import machine_seconds, within
from tests.support.platform import PlatformFailed, RunningPlatform, platform
from tests.support.waiting import wait_until, wait_until_async

__all__ = [
    "PlatformFailed",
    "RunningPlatform",
    "machine_seconds",
    "platform",
    "wait_until",
    "wait_until_async",
    "within",
]
