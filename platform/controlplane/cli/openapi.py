"""`stoa openapi`: HTTP APIs as servers, by their OpenAPI documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import App, Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable

app = App(name="openapi", help="HTTP APIs as servers of yours, by their OpenAPI documents.")

SHOWN = 200
SHOWN_LEFT_OUT = 20

Document = Annotated[str, Parameter(help="An address, a file or `-` for standard input.", allow_leading_hyphen=True)]
Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]
BaseUrl = Annotated[str, Parameter(help="Where the API is. Default: the document's first server.")]
SettingsFile = Annotated[Path | None, Parameter(name="--settings", help="Rules and names, as a YAML or JSON file.")]
Tags = Annotated[
    list[str] | None, Parameter(name="--tag", help="Only operations with this tag; may be repeated.", negative=())
]
Methods = Annotated[
    list[str] | None, Parameter(name="--method", help="Only this HTTP method; may be repeated.", negative=())
]
Pattern = Annotated[str, Parameter(name="--path", help="Only paths that this regular expression is found in.")]


@app.command
def preview(
    document: Document,
    *,
    base_url: BaseUrl = "",
    settings: SettingsFile = None,
    tag: Tags = None,
    method: Methods = None,
    path: Pattern = "",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Say what would become of a document. Nothing is saved."""
    from controlplane.cli.platform_api import connected

    body = _body(document, base_url, settings, (tag or [], method or [], path))
    with connected(url, tenant) as api:
        found = api.send("POST", "openapi/preview", body)
    _show(found)
    for one in found["operations"][:SHOWN]:
        print(
            printable(
                f"{one['becomes']:9} {one['name'] or '-'}  {one['method']} {one['path']}  {one['summary']}".rstrip()
            )
        )
    if found["operations_total"] > SHOWN:
        note(f"… and {found['operations_total'] - SHOWN} more")


@app.command
def add(
    server: str,
    document: Document,
    *,
    base_url: BaseUrl = "",
    settings: SettingsFile = None,
    tag: Tags = None,
    method: Methods = None,
    path: Pattern = "",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Import a document as a server, or give a saved one another."""
    from controlplane.cli.platform_api import connected
    from controlplane.cli.platform_api import path as api_path

    body = _body(document, base_url, settings, (tag or [], method or [], path))
    with connected(url, tenant) as api:
        _report(server, api.send("PUT", api_path("servers", server, "openapi"), body))


@app.command
def sync(
    server: str,
    *,
    dry_run: Annotated[bool, Parameter(help="Only say what would change.", negative=())] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Fetch an API's document again, and follow what it says now."""
    from controlplane.cli.platform_api import connected
    from controlplane.cli.platform_api import path as api_path

    with connected(url, tenant) as api:
        answer = api.send("POST", api_path("servers", server, "openapi", "sync"), {"dry_run": dry_run})
    if dry_run:
        _changes(answer["changes"])
    else:
        _report(server, answer)


@app.command
def show(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Print an API's settings, as a file that `add --settings` takes, and say which secrets it wants."""
    from controlplane.cli.platform_api import connected
    from controlplane.cli.platform_api import path as api_path

    with connected(url, tenant) as api:
        found = api.get(api_path("servers", server, "openapi"))
    note(printable(f"The API is at {found['base_url']}"))
    _credentials(found["credentials"])
    print(yaml.safe_dump(found["settings"], sort_keys=False, allow_unicode=True), end="")


def _body(
    document: str, base_url: str, settings: Path | None, chosen: tuple[list[str], list[str], str]
) -> dict[str, Any]:
    said: dict[str, Any] = _read_settings(settings) if settings is not None else {}
    tags, methods, pattern = chosen
    if tags or methods or pattern:
        rule = {"tags": tags, "methods": methods, "pattern": pattern}
        only = {name: value for name, value in rule.items() if value}
        said["rules"] = [*said.get("rules", []), only, {"becomes": "nothing"}]
    if base_url:
        said["base_url"] = base_url
    if document.startswith(("https://", "http://")):
        return {"settings": {**said, "url": document}}
    try:
        text = sys.stdin.read() if document == "-" else Path(document).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"'{document}' cannot be read: {error}", hint="Give an address, a file or `-`.") from error
    return {"document": text, "settings": said}


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CliError(f"'{path}' cannot be read: {error}", hint="`stoa openapi show` prints one.") from error
    if not isinstance(said, dict):
        raise CliError(f"'{path}' holds no settings.", hint="`stoa openapi show` prints some.")
    return said


def _report(server: str, saved: dict[str, Any]) -> None:
    _show(saved["found"])
    _changes(saved["changes"])
    if saved["changed"]:
        print(f"{server} serves revision {saved['revision']['number']} at {saved['revision']['endpoint_url']}")
    else:
        print(f"{server} offers what it did.")
    _credentials([need for need in saved["found"]["credentials"] if not need["set"]], server)


def _show(found: dict[str, Any]) -> None:
    note(printable(f"{found['title']} {found['version']}".rstrip() + f" at {found['base_url']}"))
    counts = {kind.replace("_", " "): len(names) for kind, names in found["components"].items() if names}
    note(", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing to serve")
    for one in found["left_out"][:SHOWN_LEFT_OUT]:
        note(printable(f"left out: {one['operation']}: {one['reason']}"))
    if len(found["left_out"]) > SHOWN_LEFT_OUT:
        note(f"left out: {len(found['left_out']) - SHOWN_LEFT_OUT} more")


def _changes(changes: dict[str, list[str]]) -> None:
    for mark, names in (("+", changes["added"]), ("-", changes["removed"]), ("~", changes["changed"])):
        for name in names[:SHOWN]:
            note(printable(f"{mark} {name}"))
        if len(names) > SHOWN:
            note(f"{mark} {len(names) - SHOWN} more")


def _credentials(needs: list[dict[str, Any]], server: str = "NAME") -> None:
    for need in needs:
        state = "set" if need["set"] else f"not set: stoa secrets set {server} {need['secrets'][0]}"
        note(printable(f"credential {need['scheme']} ({need['kind']}), secrets {', '.join(need['secrets'])}: {state}"))
