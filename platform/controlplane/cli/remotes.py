"""`stoa remote`: MCP servers that run elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from controlplane.cli.output import note, printable

app = App(name="remote", help="MCP servers that run elsewhere, behind endpoints of yours.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]
Transport = Annotated[Literal["auto", "streamable-http", "sse"], Parameter(help="How it is spoken to.")]
Credential = Annotated[
    bool, Parameter(help="It wants a credential, read from standard input or asked for.", negative=())
]
Header = Annotated[str, Parameter(help="The header that the credential goes into.")]
Scheme = Annotated[str, Parameter(help="What stands before it there; empty for nothing.")]


@app.command
def probe(
    address: str,
    *,
    transport: Transport = "auto",
    credential: Credential = False,
    header: Header = "Authorization",
    scheme: Scheme = "Bearer",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Ask a server who it is and what it offers. Nothing is saved."""
    from controlplane.cli.platform_api import connected

    body = _body(address, transport, credential, header, scheme)
    with connected(url, tenant) as api:
        _show(api.send("POST", "remotes/probe", body))


@app.command(name="set")
def set_remote(
    server: str,
    address: str,
    *,
    transport: Transport = "auto",
    credential: Credential = False,
    header: Header = "Authorization",
    scheme: Scheme = "Bearer",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Probe a server and save it under a name, or give a saved one another address or credential."""
    from controlplane.cli.platform_api import connected, path

    body = _body(address, transport, credential, header, scheme)
    with connected(url, tenant) as api:
        _report(server, api.send("PUT", path("servers", server, "remote"), body))


@app.command
def refresh(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Ask a saved server what it offers now. Endpoints that mount it follow."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        _report(server, api.send("POST", path("servers", server, "refresh")))


def _body(address: str, transport: str, credential: bool, header: str, scheme: str) -> dict[str, Any]:
    body: dict[str, Any] = {"url": address, "transport": transport}
    if credential:
        from controlplane.cli.listing import read_secret

        body["credential"] = {"header": header, "scheme": scheme, "value": read_secret(header)}
    return body


def _report(server: str, saved: dict[str, Any]) -> None:
    _show(saved["found"])
    if saved["changed"]:
        print(f"{server} serves revision {saved['revision']['number']} at {saved['revision']['endpoint_url']}")
    else:
        print(f"{server} offers what it did.")


def _show(found: dict[str, Any]) -> None:
    note(printable(f"{found['server_name']} {found['server_version']}".rstrip()))
    note(f"{found['transport']}, protocol {found['era']}")
    for kind in ("tools", "resources", "resource_templates", "prompts"):
        if found[kind]:
            note(printable(f"{kind.replace('_', ' ')}: {', '.join(found[kind])}"))
    for one in found["left_out"]:
        note(printable(f"left out: {one['kind'].removesuffix('s').replace('_', ' ')} {one['name']}: {one['reason']}"))
