"""Tasks as clients see them, in both generations (PROTOCOL 4.2): the extension of 2026-07-28, flat and with what it
came to inside; and the experiment of 2025-11-25, which fetches results apart."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from mcp_runtime.ports.tasks import Task
from mcp_runtime.protocol import shaping
from mcp_runtime.protocol.versions import META, SERVER_INFO_KEY, Revision

EXTENSION = META + "tasks"
RELATED_KEY = META + "related-task"
LEGACY_CAPABILITY: dict[str, object] = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
STATUS = "notifications/tasks/status"
"""Of 2025-11-25."""
CHANGED = "notifications/tasks"
"""Of the extension."""


def declares_tasks(capabilities: dict[str, object]) -> bool:
    """Whether a client of 2026-07-28 takes tasks for an answer."""
    extensions = capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


# 2026-07-28.


def created(task: Task, server_info: msgspec.Raw) -> dict[str, object]:
    return {"resultType": "task", **_flat(task), "_meta": {SERVER_INFO_KEY: server_info}}


def detailed(task: Task, revision: Revision, server_info: msgspec.Raw) -> dict[str, object]:
    """What `tasks/get` answers: with the questions, the result or the error, whichever there is (TK-03)."""
    return {"resultType": "complete", **changed(task, revision, server_info), "_meta": {SERVER_INFO_KEY: server_info}}


def changed(task: Task, revision: Revision, server_info: msgspec.Raw) -> dict[str, object]:
    """The same as the parameters of a notification."""
    shown = _flat(task)
    if task.status == "input_required":
        shown["inputRequests"] = task.questions
    elif task.status == "completed" and task.result is not None:
        shown["result"] = shaping.result(task.result, revision, server_info=server_info)
    elif task.status == "failed":
        shown["error"] = task.error
    return shown


def done(server_info: msgspec.Raw) -> dict[str, object]:
    return {"resultType": "complete", "_meta": {SERVER_INFO_KEY: server_info}}


def _flat(task: Task) -> dict[str, object]:
    return _said(task) | {"ttlMs": task.ttl_ms, "pollIntervalMs": task.poll_ms}


# 2025-11-25.


def legacy(task: Task) -> dict[str, object]:
    shown = _said(task) | {"ttl": task.ttl_ms, "pollInterval": task.poll_ms}
    if task.is_error:
        shown["status"] = "failed"
    return shown


def related(task_id: str) -> dict[str, object]:
    """`_meta` of what belongs to a task."""
    return {RELATED_KEY: {"taskId": task_id}}


def _said(task: Task) -> dict[str, object]:
    said: dict[str, object] = {
        "taskId": task.id,
        "status": task.status,
        "createdAt": _iso(task.created_at),
        "lastUpdatedAt": _iso(task.updated_at),
    }
    if task.status_message:
        said["statusMessage"] = task.status_message
    return said


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
