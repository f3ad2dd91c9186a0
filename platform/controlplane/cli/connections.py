"""`stoa connections`: how callers are let in at servers that run elsewhere, and who is connected."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import table

app = App(name="connections", help="Log-ins at servers that run elsewhere: the caller's own, or the tenant's.")
upstream = App(name="upstream", help="How callers log in at a server that runs elsewhere.")
app.command(upstream)

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command(name="ls")
def list_connections(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the servers at which callers log in, and whether the caller of this command is connected."""
    from controlplane.cli.platform_api import Api, connected, path

    def row(api: Api, server: str) -> tuple[str, ...] | None:
        try:
            login: dict[str, Any] = api.get(path("servers", server, "upstream"))
        except CliError as error:
            if error.code == "no_upstream_login":
                return None
            raise
        found = api.get(path("servers", server, "connection"))
        state = f"{found['state']} as {found['owner'] or 'the tenant'}" if found else "not connected"
        return (server, "the tenant's" if login["shared"] else "each caller's", login["issuer"], state)

    with connected(url, tenant) as api:
        remote = [one["name"] for one in api.get("servers") if one["kind"] == "remote"]
        rows = [found for name in remote if (found := row(api, name)) is not None]
    table(("SERVER", "WHOSE", "ISSUER", "STATE"), rows)


@app.command
def connect(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Begin a log-in and print its address: it ends in a browser in which you are signed in here."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        print(api.send("POST", path("servers", server, "connection"))["authorization_url"])


@app.command(name="token")
def set_token(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Connect with a token that the server's owner gave you, read from standard input or asked for."""
    from controlplane.cli.listing import read_secret
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("PUT", path("servers", server, "connection"), {"token": read_secret(f"the token for {server}")})
    print(f"Connected to {server}.")


@app.command
def revoke(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Disconnect: calls stop using the connection within seconds."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("servers", server, "connection"))
    print(f"Disconnected from {server}.")


@upstream.command(name="set")
def set_upstream(
    server: str,
    address: str,
    *,
    shared: Annotated[bool, Parameter(help="One connection for the whole tenant.", negative=())] = False,
    client_id: Annotated[str, Parameter(help="Of a registration made there by hand. Else we register.")] = "",
    secret: Annotated[bool, Parameter(help="Read its client secret from standard input, or ask.", negative=())] = False,
    scope: Annotated[str, Parameter(help="What to ask for. Default: what the server names.")] = "",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Find out how callers log in at a server elsewhere, and register there."""
    from controlplane.cli.listing import read_secret
    from controlplane.cli.platform_api import connected, path

    body: dict[str, Any] = {"url": address, "shared": shared, "client_id": client_id, "scope": scope}
    if secret:
        body["client_secret"] = read_secret("the client secret")
    with connected(url, tenant) as api:
        saved = api.send("PUT", path("servers", server, "upstream"), body)
    print(f"Callers of {server} log in at {saved['issuer']}.")


@upstream.command(name="rm")
def remove_upstream(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Forget how callers log in, and every connection with it."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("servers", server, "upstream"))
    print(f"Callers of {server} no longer log in.")
