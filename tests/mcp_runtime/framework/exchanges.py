"""An exchange that keeps what a server sends while it answers."""

from __future__ import annotations

from typing import Any

from mcp_runtime.ports.workers import Caller

__all__ = ("Recorder",)


class Recorder:
    """One request of `subject`; `sent` holds the notifications."""

    def __init__(self, subject: str = "", **caller: Any) -> None:
        self.caller = Caller(request_id="1", subject=subject, client_id=f"{subject}'s client", **caller)
        self.request_id = self.caller.request_id
        self.sent: list[tuple[Any, ...]] = []

    def log(self, level: str, logger: str | None, data: object) -> None:
        self.sent.append(("log", level, data))

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.sent.append(("progress", progress, total, message))
