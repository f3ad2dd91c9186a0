"""What several tests share."""

from __future__ import annotations

from tests.support.waiting import wait_until, wait_until_async

__all__ = ["wait_until", "wait_until_async"]
