"""Reference pages that are written from the code.

python -m tests.support.reference            write them
python -m tests.support.reference --check    say which are stale, and write nothing
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from controlplane.metrics.instruments import Instruments
from controlplane.variables import GROUPS, Variable

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def configuration() -> str:
    """docs/reference/configuration.md: every environment variable."""
    parts = [_CONFIGURATION]
    for title, variables in GROUPS.items():
        rows = [_row(variable) for variable in variables]
        parts.append("\n".join([f"## {title}", "", *_HEAD, *rows]))
    return "\n\n".join(parts) + "\n"


def metrics() -> str:
    """docs/reference/metrics.md: every metric of ours."""
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or 'none'} | {meaning} |"
        for name, kind, labels, meaning in Instruments().described()
    ]
    return "\n".join([_METRICS, "", "| Metric | Type | Labels | Meaning |", "|---|---|---|---|", *rows]) + "\n"


PAGES: dict[str, Callable[[], str]] = {"configuration.md": configuration, "metrics.md": metrics}


def stale() -> list[str]:
    """The pages that are not what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (REFERENCE / name).is_file() or (REFERENCE / name).read_text(encoding="utf-8") != page()
    ]


def main(arguments: Sequence[str]) -> int:
    if arguments == ["--check"]:
        for name in stale():
            print(f"docs/reference/{name} is not what the code says: run `make docs` and commit it.")
        return 1 if stale() else 0
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
    return 0


def _row(variable: Variable) -> str:
    name = f"`{variable.name}`" + (", or `…_FILE`" if variable.is_secret else "")
    return f"| {name} | {_value(variable)} | {_default(variable)} | {variable.meaning} |"


def _value(variable: Variable) -> str:
    match variable.kind:
        case "choice":
            return ", ".join(f"`{value}`" for value in variable.allowed)
        case "integer":
            return f"{variable.least:,} to {variable.most:,} {variable.unit}".rstrip()
        case "url":
            return ", ".join(f"`{scheme}://`" for scheme in variable.allowed)
        case kind:
            return _KINDS[kind]


def _default(variable: Variable) -> str:
    default = variable.computed or (f"`{variable.default}`" if variable.default else "none")
    return (
        f"required in production; {default}"
        if variable.required and variable.computed
        else ("required in production" if variable.required else default)
    )


_HEAD = ("| Variable | Value | Default | Meaning |", "|---|---|---|---|")

_KINDS = {
    "text": "text",
    "secret": "secret",
    "words": "a list, parted by commas",
    "networks": "networks, parted by commas; `none`",
    "path": "absolute path",
    "key": "32 bytes in base64",
}

_CONFIGURATION = """# Configuration

<!-- Written by `make docs` from platform/controlplane/variables.py. -->

Every process of the platform reads these environment variables once, when it starts. A wrong value stops the start
with a message that names the variable, its value and what to do; a secret's value is never repeated. An empty variable
counts as one that is not set. Secrets can come from files, as Docker, Kubernetes and systemd hand them out:
`DATABASE_URL_FILE` names a file that holds what `DATABASE_URL` would.

`stoa doctor` checks what the variables point to, and says what to do about each finding."""

_METRICS = """# Metrics

<!-- Written by `make docs` from platform/controlplane/metrics/instruments.py. -->

Each web process answers `/metrics` in Prometheus' format, for itself: scrape every one, by its own address and not
through the proxy. Who connects from `STOA_METRICS_NETWORKS`, by default this host alone, may read it; from elsewhere it
takes `STOA_METRICS_TOKEN` as `Authorization: Bearer …`. Everybody else gets 404. No label names a tenant, a server, a
tool, a person or an address: call records hold that, inside the tenant's walls. Beside these there are the client's own
`process_…` and `python_…`.
[Alert rules and a dashboard](../operations/monitoring.md) read them."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
