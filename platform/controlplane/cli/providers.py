"""`stoa providers`: how a tenant's people sign in, beside passwords."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable, table

app = App(name="providers", help="Identity providers: how people of the tenant sign in, beside passwords.")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]
ClientId = Annotated[str, Parameter(help="What the provider calls us.")]
Secret = Annotated[bool, Parameter(help="Read the client secret from standard input, or ask for it.", negative=())]
Setting = Annotated[
    list[str] | None, Parameter(name="--setting", help="name=value, as its kind needs; may be repeated.", negative=())
]
Rule = Annotated[
    list[str] | None,
    Parameter(
        name="--rule", help="domain:acme.com=developer, group:ops=operator or anyone=viewer; in order.", negative=()
    ),
]


@app.command(name="ls")
def list_providers(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the identity providers."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("identity-providers")
    rows = [(one["slug"], one["kind"], one["issuer"], _state(one)) for one in found]
    table(("NAME", "KIND", "ISSUER", "STATE"), rows)


@app.command
def kinds(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the kinds there are, and the settings that each takes."""
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        found = api.get("identity-provider-kinds")
    table(
        ("KIND", "NAME", "SETTINGS"),
        [(one["name"], one["label"], " ".join(setting["name"] for setting in one["settings"])) for one in found],
    )


@app.command
def add(
    provider: str,
    kind: str,
    *,
    client_id: ClientId = "",
    secret: Secret = False,
    setting: Setting = None,
    rule: Rule = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Make a provider. It is switched off until its test has passed."""
    from controlplane.cli.listing import read_secret
    from controlplane.cli.platform_api import connected

    body = {
        "slug": provider, "kind": kind, "client_id": client_id, "settings": _settings(setting or []),
        "rules": [_rule(text) for text in rule or []],
    }  # fmt: skip
    if secret:
        body["client_secret"] = read_secret(f"the client secret of {provider}")
    with connected(url, tenant) as api:
        made = api.send("POST", "identity-providers", body)
    print(f"Made {made['slug']}. Register this address at the provider:")
    print(made["redirect_uri"])


@app.command(name="set")
def change(
    provider: str,
    *,
    client_id: ClientId = "",
    secret: Secret = False,
    setting: Setting = None,
    rule: Rule = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Change what is given, and keep the rest. What decides who people are has to be tested again."""
    from controlplane.cli.listing import read_secret
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        now = api.get(path("identity-providers", provider))
        kept = ("kind", "name", "client_id", "settings", "rules", "trusts_email", "counts_as_second_factor", "required")
        body = {name: now[name] for name in kept}
        body["settings"] = {**body["settings"], **_settings(setting or [])}
        if client_id:
            body["client_id"] = client_id
        if rule:
            body["rules"] = [_rule(text) for text in rule]
        if secret:
            body["client_secret"] = read_secret(f"the client secret of {provider}")
        changed = api.send("PUT", path("identity-providers", provider), body)
    print(f"Changed {provider}: {_state(changed)}.")


@app.command(name="test")
def check(provider: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Fetch what a provider publishes, and say what each step found. A trial sign-in needs a browser."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        attempt = api.send("POST", path("identity-providers", provider, "check"))
    for step in attempt["steps"]:
        print(printable(f"{'ok  ' if step['ok'] else 'FAIL'}  {step['step']}: {step['detail']}"))
    if not attempt["succeeded"]:
        raise CliError(f"The check of {provider} failed.", hint="The last line says at what.")
    note("Now sign in by it once, with the button on its page: then it can be switched on.")


@app.command
def enable(provider: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Switch a provider on whose test has passed."""
    _switch(provider, "enable", tenant, url)


@app.command
def disable(provider: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Switch a provider off. Who is signed in stays so."""
    _switch(provider, "disable", tenant, url)


@app.command(name="rm")
def remove(provider: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Delete a provider. The people who came by it stay members."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("identity-providers", provider))
    print(f"Removed {provider}.")


def _switch(provider: str, way: str, tenant: str | None, url: str | None) -> None:
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        print(f"{provider} is {_state(api.send('POST', path('identity-providers', provider, way)))}.")


def _state(provider: dict[str, Any]) -> str:
    return "on" if provider["enabled"] else "off" if provider["tested"] else "off, not tested"


def _settings(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise CliError(f"'{name}' is no setting.", hint="Write --setting name=value.")
    return {name: value for name, _, value in pairs}


def _rule(text: str) -> dict[str, str]:
    matched, equals, role = text.rpartition("=")
    match, _, value = matched.partition(":")
    if not equals or not match:
        raise CliError(f"'{text}' is no rule.", hint="Write --rule domain:acme.com=developer.")
    return {"match": match, "value": value, "role": role}
