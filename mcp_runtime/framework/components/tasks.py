"""Whether a component may run as a task, in the background of the request that asked for it (FASTMCP T-11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = ("TaskConfig", "checked_task")

TaskMode = Literal["optional", "required", "forbidden"]
_MODES = ("optional", "required", "forbidden")
_USUAL = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """`mode` says whether clients may, must or must not ask for a task; `poll_interval` how often they look.

    With `asks_first` a call puts the questions that it returns before it becomes a task: until they are answered, its
    client gets them as it does from any tool. Without, they are questions of the task (PROTOCOL TK-06).
    """

    mode: TaskMode = "optional"
    poll_interval: timedelta = _USUAL
    asks_first: bool = False

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ValueError(f"TaskConfig(mode={self.mode!r}) is none of {', '.join(map(repr, _MODES))}.")
        if self.poll_interval <= timedelta(0):
            raise ValueError("TaskConfig(poll_interval=…) is a time above zero.")

    @property
    def poll_ms(self) -> int:
        """`poll_interval` in milliseconds, as the protocol says it."""
        return max(1, round(self.poll_interval / timedelta(milliseconds=1)))

    def as_execution(self) -> dict[str, object]:
        """What a tool's definition says about it: with the interval, where it is not the usual one."""
        said: dict[str, object] = {"taskSupport": self.mode}
        if self.poll_interval != _USUAL:
            said["pollInterval"] = self.poll_ms
        return said | {"asksFirst": True} if self.asks_first else said


def checked_task(task: bool | TaskConfig | None) -> TaskConfig | None:
    """What `task=` means: True is optional, False forbidden, None whatever the server says for all."""
    if task is None or isinstance(task, TaskConfig):
        return task
    if isinstance(task, bool):
        return TaskConfig("optional" if task else "forbidden")
    raise TypeError(f"task= is True, False or a TaskConfig, not {type(task).__name__}.")
