"""`stoa tenant`: its settings, its keys and its end. `stoa programs`: clients that act for themselves."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, table

app = App(name="tenant", help="The tenant's settings, keys and end.")
programs = App(name="programs", help="Clients that act for themselves, with an id and a secret.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command
def show(*, tenant: Tenant = None, url: Url = None) -> None:
    """Show the tenant, what it asks of its members, and its limits."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get(api.tenant_url)
    rows = [("name", found["name"]), ("second factor", "required" if found["requires_second_factor"] else "optional")]
    table(("", found["slug"]), rows + [(f"limit of {name}", str(limit)) for name, limit in found["limits"].items()])


@app.command(name="set")
def change(
    *,
    name: Annotated[str | None, Parameter(help="What people read.")] = None,
    second_factor: Annotated[bool | None, Parameter(help="Whether members with a password need one.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Change its name, or whether members need a second factor."""
    from controlplane.cli.platform_api import connected

    given = {"name": name, "requires_second_factor": second_factor}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not body:
        raise CliError("There is nothing to change.", hint="Pass --name or --second-factor.")
    with connected(url, tenant) as api:
        print(f"Changed {api.send('PATCH', api.tenant_url, body)['slug']}.")


@app.command
def rotate_data_key(*, tenant: Tenant = None, url: Url = None) -> None:
    """Seal all secrets under a new data key. Nothing pauses, and nothing has to be set again."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        print(f"Sealed {api.send('POST', 'data-keys')['sealed_anew']} values under a new key.")


@app.command
def rotate_signing_key(*, tenant: Tenant = None, url: Url = None) -> None:
    """Publish a new signing key. It signs once every gateway knows it; logins go on."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        made = api.send("POST", "signing-keys")
    print(f"{made['kid']} signs from {made['signs_from'][:16]}.")


@app.command
def delete(
    *,
    confirm: Annotated[str | None, Parameter(help="The tenant's short name. Without: only say what would go.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Delete the tenant with all that it has, for ever."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        if confirm is None:
            found = api.get("deletion")
            table(("ROWS", "OF"), [(str(count), kind) for kind, count in found["rows"].items()])
            note(f"Nothing was deleted. To do it: stoa tenant delete --confirm {found['slug']}")
            return
        done = api.send("POST", "deletion", {"confirmation": confirm})
    print(f"Deleted {done['slug']}. Its name is not given out again.")


@programs.command(name="ls")
def list_programs(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the programs."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("programs")
    rows = [(one["client_id"], one["name"], one["endpoint"], (one["last_used_at"] or "never")[:16]) for one in found]
    table(("CLIENT ID", "NAME", "ENDPOINT", "LAST USED"), rows)


@programs.command
def add(name: str, endpoint: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Make a program that may call one endpoint, and print its secret, once."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        made = api.send("POST", "programs", {"name": name, "endpoint": endpoint})
    note(f"Made {made['client_id']}; its tokens come from {made['token_url']}. Its secret is shown once:")
    print(made["client_secret"])


@programs.command(name="rm")
def remove(program: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Remove a program, by its client id. Its tokens end within seconds."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("programs", program))
    print(f"Removed {program}.")
