"""`stoa tasks`: calls that go on in the background. List, watch, cancel and retry them."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import urlencode

from cyclopts import App, Parameter

app = App(name="tasks", help="Calls that go on in the background.")

WATCH_SECONDS = 1.0
OVER = ("completed", "failed", "cancelled")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command(name="ls")
def list_tasks(
    *,
    state: Annotated[str, Parameter(help="queued, running, …; unfinished is all that is not over.")] = "",
    endpoint: str = "",
    limit: int = 50,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """List tasks, the newest first."""
    from controlplane.cli.output import table
    from controlplane.cli.platform_api import connected

    chosen = {"state": state, "endpoint": endpoint, "limit": str(limit)}
    query = urlencode({name: value for name, value in chosen.items() if value})
    with connected(url, tenant) as api:
        tasks = api.get(f"tasks?{query}")
    rows = [
        (task["id"], task["endpoint"], task["name"], _state(task), _progress(task), task["subject"]) for task in tasks
    ]
    table(("ID", "ENDPOINT", "TOOL", "STATE", "PROGRESS", "OWNER"), rows)


@app.command
def watch(task: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Show how far a task is, until it is over."""
    from controlplane.cli.output import note
    from controlplane.cli.platform_api import connected, path

    shown = ""
    with connected(url, tenant) as api:
        while True:
            found = api.get(path("tasks", task))
            line = f"{_state(found)} {_progress(found)} {found['status_message']}".strip()
            if line != shown:
                note(line)
                shown = line
            if found["state"] in OVER:
                return
            time.sleep(WATCH_SECONDS)


@app.command
def cancel(task: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """End a task. One that is over stays as it is."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        print(_state(api.send("POST", path("tasks", task, "cancel"))))


@app.command
def retry(task: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Do what an ended task was to do once more, for the same owner; prints the new task."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        print(api.send("POST", path("tasks", task, "retry"))["id"])


def _state(task: dict[str, Any]) -> str:
    if task["asking"]:
        return "asking"
    return "quarantined" if task["quarantined"] else str(task["state"])


def _progress(task: dict[str, Any]) -> str:
    done, total = task["progress"], task["total"]
    if done is None:
        return ""
    return f"{done:g}/{total:g}" if total else f"{done:g}"
