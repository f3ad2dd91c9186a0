"""`stoa audit`: the tenant's record."""

from __future__ import annotations

import sys
from typing import Annotated, Literal
from urllib.parse import urlencode

from cyclopts import Parameter

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


def audit(
    *,
    action: Annotated[str, Parameter(help="This one, or 'key.' for all that begin so.")] = "",
    actor: Annotated[str, Parameter(help="Who: usr_… or key_….")] = "",
    since: Annotated[str, Parameter(help="From this time on: 2026-01-31 or 2026-01-31T12:00Z.")] = "",
    until: Annotated[str, Parameter(help="Before this time.")] = "",
    type: Annotated[Literal["jsonl", "csv"], Parameter(help="JSON lines, or CSV.")] = "jsonl",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Write the record of who did what to standard output, newest first."""
    from controlplane.cli.platform_api import connected

    chosen = {"action": action, "actor": actor, "since": _time(since), "until": _time(until)}
    query = {"type": type, **{name: value for name, value in chosen.items() if value}}
    path: str | None = f"audit/export?{urlencode(query)}"
    first = True
    with connected(url, tenant) as api:
        while path is not None:
            text, path = api.part(path)
            # The head of a CSV belongs to the first part only.
            sys.stdout.write(text if first or type == "jsonl" else text.partition("\n")[2])
            first = False


def _time(text: str) -> str:
    return f"{text}T00:00Z" if len(text) == len("2026-01-31") else text
