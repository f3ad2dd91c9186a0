"""`stoa members`: who belongs to a tenant, and inviting others."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

app = App(name="members", help="Members of the tenant, and invitations.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command(name="ls")
def list_members(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the members, owners first."""
    from controlplane.cli.output import table
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("members")
    table(("ID", "ADDRESS", "NAME", "ROLE"), [(one["id"], one["email"], one["name"], one["role"]) for one in found])


@app.command
def invite(
    *,
    role: Annotated[str, Parameter(help="owner, admin, developer, operator, viewer or auditor.")] = "developer",
    email: Annotated[str, Parameter(help="Only this address can accept.")] = "",
    days: Annotated[int, Parameter(help="How long the link is good for.")] = 7,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make a link into the tenant and print it: it works once."""
    from controlplane.cli.output import note
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        made = api.send("POST", "invitations", {"role": role, "email": email, "days": days})
    note(f"Made {made['id']}, good until {made['expires_at'][:16]}. Pass the link on; it is shown once:")
    print(made["url"])


@app.command
def invitations(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the invitations that can still be accepted."""
    from controlplane.cli.output import table
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("invitations")
    rows = [(one["id"], one["email"] or "whoever has the link", one["role"], one["expires_at"][:16]) for one in found]
    table(("ID", "FOR", "ROLE", "UNTIL"), rows)


@app.command
def withdraw(invitation: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Withdraw an invitation, by its id."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("invitations", invitation))
    print(f"Withdrew {invitation}.")


@app.command
def role(member: str, role: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Give a member another role, by their id."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        changed = api.send("PATCH", path("members", member), {"role": role})
    print(f"{changed['email']} is {changed['role']} now.")


@app.command(name="rm")
def remove(member: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """End a member's place, by their id."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("members", member))
    print(f"Removed {member}.")
