"""`stoa login`, `stoa logins` and `stoa revoke-everything`: who is in, and how to put them out."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]

logins = App(name="logins", help="Programs that people are logged in with.")


def log_in(*, tenant: Tenant = None, url: Url = None) -> None:
    """Log this terminal in: it shows an address, where you sign in and allow it. Commands then need no API key."""
    from controlplane.cli import login, settings
    from controlplane.cli.output import note

    def show(address: str, code: str) -> None:
        note(f"Open {address}")
        note(f"and check that it shows the code {code}. Waiting.")

    address, name = settings.place(url=url, tenant=tenant)
    login.log_in(address, name, show)
    print(f"Logged in to {name} at {address}.")


def log_out(*, tenant: Tenant = None, url: Url = None) -> None:
    """End the login of this terminal."""
    from controlplane.cli import login, settings

    address, name = settings.place(url=url, tenant=tenant)
    print("Logged out." if login.log_out(address, name) else "You were not logged in.")


@logins.command(name="ls")
def list_logins(*, tenant: Tenant = None, url: Url = None) -> None:
    """List open logins: with `members:write` everybody's, else one's own."""
    from controlplane.cli.output import table
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("logins")
    rows = [
        (one["id"], one["client"], one["user"] or "itself", one["endpoint"] or "management", one["last_used_at"][:16])
        for one in found
    ]
    table(("ID", "PROGRAM", "USER", "ENDPOINT", "LAST USED"), rows)


@logins.command(name="revoke")
def revoke_login(login: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """End a login, by its id. The program has to ask the person again."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("logins", login))
    print(f"Ended {login}.")


def revoke_everything(
    *,
    keys: Annotated[bool, Parameter(help="Every API key as well, the one of this command too.", negative=())] = False,
    signing_keys: Annotated[bool, Parameter(help="A signing key leaked: replace them.", negative=())] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """For an incident: end every login of the tenant, and what else is named. In force everywhere within 5 s."""
    from controlplane.cli.platform_api import connected

    body = {"logins": True, "keys": keys, "signing_keys": signing_keys}
    with connected(url, tenant) as api:
        done = api.send("POST", "revocations", body)
    print(f"Ended {done['logins']} logins and {done['keys']} keys.")
    if done["signing_keys"]:
        print("Replaced the signing keys.")
