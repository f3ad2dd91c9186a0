"""The commands that show or change a few rows."""

from __future__ import annotations

import getpass
import sys

from controlplane.cli import deploying
from controlplane.cli.errors import CliError
from controlplane.cli.output import note, table
from controlplane.cli.platform_api import Api, path


def servers(api: Api) -> None:
    found = api.get("servers")
    if not found:
        note("No servers yet. Deploy one: stoa deploy weather.py")
        return
    rows = []
    for server in found:
        revision = server["current_revision"]
        state = f"revision {revision['number']}" if revision else "nothing active"
        rows.append((server["name"], state, server["endpoint_url"]))
    table(("SERVER", "SERVES", "ENDPOINT"), rows)


def logs(api: Api, server: str, wanted: str | None) -> None:
    """Raises CliError when the revision failed, as the deploy did."""
    revisions = api.get(path("servers", server, "revisions"))
    if not revisions:
        raise CliError(f"'{server}' has no revision.", hint="Deploy it first: stoa deploy")
    chosen = revisions[0]
    if wanted is not None:
        matching = [revision for revision in revisions if wanted in (revision["id"], str(revision["number"]))]
        if not matching:
            numbers = ", ".join(str(revision["number"]) for revision in revisions[:10])
            raise CliError(f"'{server}' has no revision '{wanted}'.", hint=f"The newest are: {numbers}.")
        chosen = matching[0]
    deploying.report(deploying.follow(api, chosen["id"]))


def allow(api: Api, server: str, hosts: list[str]) -> None:
    granted = api.send("PATCH", path("servers", server), {"hosts": hosts})["hosts"]
    print(f"{server} may reach: {', '.join(granted) or 'nothing'}")


def secrets(api: Api, server: str) -> None:
    rows = [
        (secret["name"], secret["fingerprint"], secret["updated_at"])
        for secret in api.get(path("servers", server, "secrets"))
    ]
    table(("NAME", "FINGERPRINT", "SET"), rows)


def read_secret(name: str) -> str:
    """A value that never was an argument. The line break that ends piped input is not part of it."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {name}: ")
    value = sys.stdin.read()
    return value.removesuffix("\n").removesuffix("\r")
