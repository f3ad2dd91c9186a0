"""`stoa static`: servers made of data alone."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import App, Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable

app = App(name="static", help="Servers made of texts, files, prompts and simple HTTP tools, without code.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command(name="set")
def set_static(server: str, file: Path, *, tenant: Tenant = None, url: Url = None) -> None:
    """Make a server of a YAML or JSON file, or give a saved one another. `file: logo.png` in it takes a file in."""
    from controlplane.cli.platform_api import connected, path

    document = _read(file)
    with connected(url, tenant) as api:
        saved = api.send("PUT", path("servers", server, "static"), {"document": document})
    revision = saved["revision"]
    if saved["changed"]:
        print(f"{server} serves revision {revision['number']} at {revision['endpoint_url']}")
    else:
        print(f"{server} is what it was.")
    for name in saved["secrets"]:
        note(printable(f"It takes a secret: stoa secrets set {server} {name}"))


@app.command
def show(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Print a server's document, as a file that `set` takes."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        document = api.get(path("servers", server, "static"))["document"]
    print(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), end="")


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CliError(
            f"'{file}' cannot be read: {error}", hint="Write one as in docs/guides/static-servers.md."
        ) from error
    if not isinstance(document, dict):
        raise CliError(f"'{file}' holds no document.", hint="It begins with resources:, prompts: or tools:.")
    for resource in document.get("resources") or ():
        if isinstance(resource, dict) and "file" in resource:
            _take_in(resource, file.parent / str(resource.pop("file")))
    return document


def _take_in(resource: dict[str, Any], file: Path) -> None:
    """The file's content in place of its name: as text where it is one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CliError(f"'{file}' cannot be read: {error}", hint="It is looked for beside the document.") from error
    kind = mimetypes.guess_type(file.name)[0]
    if kind is not None:
        resource.setdefault("mime_type", kind)
    try:
        resource["text"] = content.decode()
    except UnicodeDecodeError:
        resource["blob"] = base64.b64encode(content).decode("ascii")
