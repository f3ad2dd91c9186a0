"""`stoa export` and `stoa apply`: a tenant as one file."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable

if TYPE_CHECKING:
    from controlplane.cli.platform_api import Api

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]

_MARKS = {"create": "+", "update": "~", "delete": "-", "unchanged": " "}


def export(
    *,
    client: Annotated[
        Literal["url", "bridge"] | None,
        Parameter(help="Instead, `mcpServers` for desktop clients: endpoints by address, or by `stoa bridge`."),
    ] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Print the tenant's servers, endpoints and identity providers as YAML: no people, and no value of a secret."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        if client is None:
            print(api.part("configuration")[0], end="")
        else:
            served = {one["name"]: one["url"] for one in api.get("endpoints") if one["version"]}
            print(json.dumps({"mcpServers": {name: _entry(served[name], client) for name in served}}, indent=2))


def _entry(address: str, client: Literal["url", "bridge"]) -> dict[str, Any]:
    """Of one endpoint. It has no credential: clients log in, or are given a key of their own."""
    return {"url": address} if client == "url" else {"command": "stoa", "args": ["bridge", address]}


def apply(
    *,
    file: Annotated[Path, Parameter(name=["-f", "--file"], help="As `stoa export` prints it; - is standard input.")],
    dry_run: Annotated[bool, Parameter(help="Only show what would change.", negative=())] = False,
    prune: Annotated[bool, Parameter(help="Delete what the file's sections do not name.", negative=())] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make the tenant what a file says: all of it, or nothing. What is so already is left as it is."""
    from controlplane.cli import deploying
    from controlplane.cli.platform_api import connected

    data = _read(file)
    with connected(url, tenant) as api:
        changes = _sent(api, data, dry_run=dry_run, prune=prune)
        _show(changes, diffs=dry_run)
        builds = [change["revision"] for change in changes if change["revision"]]
        if builds and not dry_run:
            for build in builds:
                deploying.report(deploying.follow(api, build))
            changes = _sent(api, data, dry_run=False, prune=prune)
            _show([change for change in changes if change["section"] != "servers"], diffs=False)
    _remedies(changes)


def _read(file: Path) -> bytes:
    """With the sources that it names by `path:` and `file:` put inside."""
    from controlplane.declarative import texts
    from controlplane.declarative.errors import InvalidConfiguration

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CliError(f"'{file}' cannot be read: {error}", hint="`stoa export` prints one to start from.") from error
    try:
        document = texts.load(data)
    except InvalidConfiguration as error:
        raise CliError(str(error), hint=error.hint) from error
    servers = document.get("servers") if isinstance(document, dict) else None
    for name, server in servers.items() if isinstance(servers, dict) else ():
        if isinstance(server, dict):
            _take_in(str(name), server, file.parent)
    return texts.dump(document).encode()


def _take_in(name: str, server: dict[str, Any], folder: Path) -> None:
    if server.get("kind") == "python" and "path" in server:
        if "files" in server:
            raise CliError(f"The server '{name}' has files and a path.", hint="Write one of the two.")
        server["files"] = _files(folder / str(server.pop("path")))
    elif server.get("kind") == "openapi" and "file" in server:
        server["document"] = _document(folder / str(server.pop("file")))


def _files(path: Path) -> dict[str, Any]:
    """What `stoa deploy` would send."""
    import io
    import zipfile

    from controlplane.cli import packing

    bundle = packing.pack(path)
    if path.suffix == ".py" and not path.is_dir():
        return {path.name: _content(bundle.data)}
    if not bundle.file_name.endswith(".zip"):
        raise CliError(f"'{path}' is an archive that is not taken in.", hint="Name a .py file, a folder or a .zip.")
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        return {one.filename: _content(archive.read(one)) for one in archive.infolist() if not one.is_dir()}


def _content(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _document(path: Path) -> Any:
    from controlplane.registry.errors import ImportFailed
    from controlplane.registry.openapi.reading import read_document

    try:
        return read_document(path.read_bytes())
    except OSError as error:
        raise CliError(f"'{path}' cannot be read: {error}", hint="It is looked for beside the document.") from error
    except ImportFailed as error:
        raise CliError(f"{path}: {error.message}", hint=error.hint) from error


def _sent(api: Api, data: bytes, *, dry_run: bool, prune: bool) -> list[dict[str, Any]]:
    path = "configuration?dry_run=true" if dry_run else "configuration"
    answer = api.upload(path, "stoa.yaml", data, {"prune": "true" if prune else "false"}, part="document")
    changes: list[dict[str, Any]] = answer["changes"]
    return changes


def _show(changes: list[dict[str, Any]], *, diffs: bool) -> None:
    for change in changes:
        if change["action"] != "unchanged":
            print(printable(f"{_MARKS[change['action']]} {change['section']}/{change['name']}"))
            if diffs and change["diff"]:
                print(printable("\n".join(f"    {line}" for line in change["diff"].splitlines())))
    same = sum(change["action"] == "unchanged" for change in changes)
    if same:
        note(f"{same} unchanged")


def _remedies(changes: list[dict[str, Any]]) -> None:
    for change in changes:
        for reason in change["waits"]:
            note(printable(f"{change['section']}/{change['name']} waits: {reason}"))
        for secret in change["secrets"]:
            note(printable(f"to be set: stoa secrets set {change['name']} {secret}"))
    if any(change["waits"] for change in changes):
        note("Apply the same file again when that is done.")
