"""What a tool's definition says about running it in the background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_runtime.ports.tasks import POLL_MS

LEAST_POLL_MS, MOST_POLL_MS = 100, 3_600_000


@dataclass(frozen=True, slots=True)
class TaskTraits:
    """Of a tool that may run as a task."""

    required: bool
    """It runs as nothing else."""
    poll_ms: int
    asks_first: bool
    """It puts its questions before it becomes a task (PROTOCOL TK-06)."""
    retry: bool
    """It may be run twice for one call, because it says that this changes nothing (T-06)."""


def task_traits(definition: Mapping[str, object]) -> TaskTraits | None:
    """None for a tool that is no task."""
    execution = _object(definition.get("execution"))
    mode = execution.get("taskSupport")
    if mode not in ("optional", "required"):
        return None
    poll = execution.get("pollInterval")
    hints = _object(definition.get("annotations"))
    return TaskTraits(
        required=mode == "required",
        poll_ms=min(max(poll, LEAST_POLL_MS), MOST_POLL_MS) if isinstance(poll, int) else POLL_MS,
        asks_first=execution.get("asksFirst") is True,
        retry=hints.get("idempotentHint") is True or hints.get("readOnlyHint") is True,
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
