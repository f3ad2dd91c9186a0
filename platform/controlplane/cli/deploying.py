"""`stoa deploy`: pack, upload, follow the build, say where the server is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from controlplane.cli import packing
from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable
from controlplane.cli.platform_api import Api
from controlplane.cli.platform_api import path as api_path

SHOWN_COMPONENTS = 20


def deploy(api: Api, path: Path | None, *, name: str | None, entrypoint: str | None, command: str | None) -> None:
    """Raises CliError when the build fails, with what the deployer needs to correct it."""
    if path is None:
        deploy_package(api, name, command)
        return
    server = name or packing.default_name(path)
    bundle = packing.pack(path)
    for skipped in bundle.skipped:
        note(f"left out: {skipped} (a link or special file)")
    note(f"Deploying {path} as '{server}' ({bundle.files} file(s), {len(bundle.data) / 1024:.1f} kB).")
    wanted = {"entrypoint": entrypoint, "command": command}
    fields = {field: value for field, value in wanted.items() if value}
    revision = api.upload(api_path("servers", server, "revisions"), bundle.file_name, bundle.data, fields)
    finished = follow(api, revision["id"])
    report(finished)


def deploy_package(api: Api, name: str | None, command: str | None) -> None:
    """Deploy what `npx` or `uvx` would fetch, without any file. Raises CliError as `deploy` does."""
    if not name or not command:
        raise CliError(
            "There is nothing to deploy.",
            hint='Name a file or folder, or a package: stoa deploy --name notes --command "npx -y @acme/notes"',
        )
    note(f"Deploying the package of `{command}` as '{name}'.")
    report(follow(api, api.form(api_path("servers", name, "revisions"), {"command": command})["id"]))


def follow(api: Api, revision_id: str) -> dict[str, Any]:
    """Print the build log as it is written. The revision at its end."""
    for event, data in api.follow(revision_id):
        if event == "line":
            note(f"  {printable(data['text'])}")
        elif event == "end":
            return dict(data)
    raise CliError("The build log ended early.", hint="Look at it again: stoa logs")


def report(revision: dict[str, Any]) -> None:
    """What came of a build: where the server is, or why there is none. Raises CliError."""
    if revision["status"] == "failed":
        error = revision["error"]
        line = f" (line {error['line']})" if error["line"] and f"line {error['line']}" not in error["message"] else ""
        kept = "The revision that was running serves on."
        raise CliError(
            f"{printable(error['message'])}{line} [{error['code']}]",
            detail=printable(error["detail"]),
            hint=f"{printable(error['hint'])} {kept}".strip(),
        )
    if revision["status"] == "superseded":
        print(f"Revision {revision['number']} of {revision['server']} is built; another revision serves.")
    else:
        print(f"Revision {revision['number']} of {revision['server']} is active.")
    print(f"Endpoint: {revision['endpoint_url']}")
    for kind, names in (revision["components"] or {}).items():
        if names:
            more = f", … ({len(names)})" if len(names) > SHOWN_COMPONENTS else ""
            print(f"{kind.replace('_', ' ').capitalize()}: {', '.join(map(printable, names[:SHOWN_COMPONENTS]))}{more}")
    sys.stdout.flush()
