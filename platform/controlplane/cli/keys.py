"""`stoa keys`: make API keys, list, replace and revoke them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from cyclopts import App, Parameter

app = App(name="keys", help="API keys: the tenant's, and with --personal your own.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]
Personal = Annotated[bool, Parameter(help="Your own keys, which act as you.", negative=())]


@app.command
def create(
    name: str,
    *,
    scope: Annotated[list[str] | None, Parameter(help="Once for each. Default: mcp:call.", negative=())] = None,
    endpoint: Annotated[str | None, Parameter(help="Good for this endpoint only.")] = None,
    only: Annotated[
        list[str] | None,
        Parameter(help="What exists for it: 'search_*', 'prompt:*', 'resource:notes://*'. Once for each.", negative=()),
    ] = None,
    network: Annotated[
        list[str] | None, Parameter(help="Where it may be used: 203.0.113.0/24. Once for each.", negative=())
    ] = None,
    days: Annotated[int | None, Parameter(help="Expires after so many days. Default: never.")] = None,
    personal: Personal = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make a key and print it: now and never again."""
    from controlplane.cli.output import note
    from controlplane.cli.platform_api import connected

    body: dict[str, Any] = {
        "name": name,
        "scopes": scope or ["mcp:call"],
        "endpoint": endpoint,
        "only": only or [],
        "networks": network or [],
        "expires_at": (datetime.now(UTC) + timedelta(days=days)).isoformat() if days is not None else None,
    }
    with connected(url, tenant) as api:
        made = api.send("POST", _where(personal), body)
    # The key alone goes to standard output, for a pipe into wherever it is kept.
    note(f"Made {made['id']} ({name}). It is shown once:")
    print(made["key"])


@app.command(name="ls")
def list_keys(*, personal: Personal = False, tenant: Tenant = None, url: Url = None) -> None:
    """List the keys, the revoked ones too."""
    from controlplane.cli.output import table
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        keys = api.get(_where(personal))
    rows = [
        (key["id"], key["name"], key["shown_as"], _state(key), " ".join(key["scopes"]), _limits(key)) for key in keys
    ]
    table(("ID", "NAME", "KEY", "STATE", "SCOPES", "LIMITS"), rows)


@app.command
def rotate(
    key: str,
    *,
    overlap_hours: Annotated[int, Parameter(help="How long the old key works on.")] = 24,
    personal: Personal = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make a key's successor and print it: now and never again. The old one ends after the overlap."""
    from controlplane.cli.output import note
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        made = api.send("POST", path(_where(personal), key, "rotate"), {"overlap_seconds": overlap_hours * 3600})
    note(f"Made {made['id']} ({made['name']}), in place of {key}. It is shown once:")
    print(made["key"])


@app.command
def revoke(key: str, *, personal: Personal = False, tenant: Tenant = None, url: Url = None) -> None:
    """Revoke a key, by its id."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path(_where(personal), key))
    print(f"Revoked {key}.")


def _where(personal: bool) -> str:
    return "personal-keys" if personal else "keys"


def _state(key: dict[str, Any]) -> str:
    return "revoked" if key["revoked_at"] else f"until {key['expires_at']}" if key["expires_at"] else "valid"


def _limits(key: dict[str, Any]) -> str:
    endpoint = [] if key["audience"] == "*" else [key["audience"]]
    return " ".join([*endpoint, *key["only"], *(f"from {network}" for network in key["networks"])])
