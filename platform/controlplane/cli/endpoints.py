"""The commands of `stoa endpoints`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(name="endpoints", help="Compose servers into endpoints.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]
File = Annotated[
    Path | None, Parameter(name=["-f", "--file"], help="The whole composition, as YAML or JSON; - is standard input.")
]
Prefix = Annotated[
    Literal["always", "on_conflict", "never"] | None,
    Parameter(help="Whether names get their server's in front. Default: where two are the same."),
]

Ids = Annotated[str, Parameter(help="Of definitions, as `stoa endpoints held` prints them.")]
All = Annotated[bool, Parameter(name="--all", negative="", help="All that waits, as it is now.")]


@app.command(name="ls")
def list_endpoints(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the tenant's endpoints."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.listed(api)


@app.command
def show(endpoint: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Print what an endpoint is made of: its draft, else what is published."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.show(api, endpoint)


@app.command
def create(
    endpoint: str,
    *servers: Annotated[str, Parameter(help="Its members: weather is mounted, weather@3 imports revision 3.")],
    file: File = None,
    prefix: Prefix = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make an endpoint. It is a draft until it is published."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    composition = composing.composed(servers, file, prefix)
    with connected(url, tenant) as api:
        composing.create(api, endpoint, composition)


@app.command(name="set")
def set_draft(
    endpoint: str,
    *servers: Annotated[str, Parameter(help="Its members: weather is mounted, weather@3 imports revision 3.")],
    file: File = None,
    prefix: Prefix = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Write an endpoint's draft. Clients notice nothing until it is published."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    composition = composing.composed(servers, file, prefix)
    with connected(url, tenant) as api:
        composing.write(api, endpoint, composition)


@app.command
def discard(endpoint: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Forget an endpoint's draft."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.discard(api, endpoint)


@app.command
def preview(endpoint: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Show what publishing the draft would serve, and what is wrong with it."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.preview(api, endpoint)


@app.command
def publish(
    endpoint: str,
    *,
    note: Annotated[str, Parameter(help="Why; shown in the history.")] = "",
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Serve an endpoint's draft."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.publish(api, endpoint, note)


@app.command
def held(endpoint: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Show what an endpoint's members changed and nobody approved yet."""
    from controlplane.cli import approving
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        approving.held(api, endpoint)


@app.command
def approve(endpoint: str, *ids: Ids, everything: All = False, tenant: Tenant = None, url: Url = None) -> None:
    """Let held definitions through to clients."""
    from controlplane.cli import approving
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        approving.decide(api, endpoint, ids, "approve", everything=everything)


@app.command
def refuse(endpoint: str, *ids: Ids, everything: All = False, tenant: Tenant = None, url: Url = None) -> None:
    """Take components whose definitions changed away from clients."""
    from controlplane.cli import approving
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        approving.decide(api, endpoint, ids, "refuse", everything=everything)


@app.command
def history(
    endpoint: str,
    *,
    version: Annotated[int | None, Parameter(help="Show what this one changed.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """List an endpoint's versions."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.history(api, endpoint, version)


@app.command
def rollback(
    endpoint: str,
    *,
    to: Annotated[int | None, Parameter(help="A version. Default: the last that was composed differently.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Compose an endpoint as it was before. To go back to earlier code, roll back the server."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.roll_back(api, endpoint, to)


@app.command
def clone(endpoint: str, new: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Make an endpoint that is composed like another one, as a draft."""
    from controlplane.cli import composing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        composing.clone(api, endpoint, new)
