"""The `stoa` command.

stoa up                               everything on this machine
stoa deploy weather.py                build and serve a server
stoa call weather get_forecast -a city=Lima
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from controlplane.cli import configuration, identity
from controlplane.cli.audit import audit
from controlplane.cli.connections import app as connections
from controlplane.cli.endpoints import app as endpoints
from controlplane.cli.errors import CliError
from controlplane.cli.keys import app as keys
from controlplane.cli.members import app as members
from controlplane.cli.openapi import app as openapi
from controlplane.cli.providers import app as providers
from controlplane.cli.remotes import app as remote
from controlplane.cli.static import app as static
from controlplane.cli.tasks import app as tasks
from controlplane.cli.tenant import app as tenant_app
from controlplane.cli.tenant import programs

app = App(
    name="stoa",
    help="Deploy MCP servers written in Python, and call them.",
    version=lambda: version("stoa"),
    version_flags=["--version"],
    result_action="return_value",
)
secrets = App(name="secrets", help="A server's secrets: environment variables of its code.")
app.command(keys)
app.command(members)
app.command(secrets)
app.command(endpoints)
app.command(remote)
app.command(openapi)
app.command(static)
app.command(tasks)
app.command(connections)
app.command(providers)
app.command(programs)
app.command(tenant_app)
app.command(audit)
app.command(configuration.export)
app.command(configuration.apply)
app.command(identity.logins)
app.command(identity.revoke_everything)
app.command(identity.log_in, name="login")
app.command(identity.log_out, name="logout")

Tenant = Annotated[str | None, Parameter(name=["--tenant", "-t"], help="Default: STOA_TENANT, or the demo's.")]
Url = Annotated[str | None, Parameter(name="--url", help="The platform. Default: STOA_URL, or the demo's.")]


@app.command
def deploy(
    path: Path | None = None,
    *,
    name: Annotated[str | None, Parameter(help="The server's name. Default: the file's or folder's.")] = None,
    entrypoint: Annotated[str | None, Parameter(help="server.py or server.py:mcp. Default: found.")] = None,
    command: Annotated[
        str | None,
        Parameter(help='For a server of another SDK, what starts it: "python server.py", "npx -y @acme/notes".'),
    ] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Build a .py file, a folder, a .zip or a .tar.gz, and serve it.

    Shows the build as it happens. Without a name of your own, weather.py becomes the server 'weather'. A command that
    begins with npx or uvx names its package, and needs no file.
    """
    from controlplane.cli import deploying
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        deploying.deploy(api, path, name=name, entrypoint=entrypoint, command=command)


@app.command(name="import")
def import_settings(
    file: Path,
    *,
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", negative=(), help="NAME=value of what a server.json asks for; NAME alone is read."),
    ] = None,
    name: Annotated[str | None, Parameter(help="What the server of a server.json is called here.")] = None,
    package: Annotated[
        bool, Parameter(help="Install a server.json's package where it has an address too.", negative=())
    ] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Take over servers of a desktop client's settings (`mcpServers`), or one of the MCP Registry (`server.json`).

    Commands of npx and uvx are installed and run here, their environment becomes secrets, and addresses are saved with
    their credential. - is standard input.
    """
    from controlplane.cli import importing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        importing.import_settings(api, file, given=set_ or (), name=name, package=package)


@app.command
def call(
    server: str,
    tool: str,
    *,
    argument: Annotated[
        list[str] | None,
        Parameter(name=["-a", "--argument"], help="name=text or name:=json; once for each argument.", negative=()),
    ] = None,
    json: Annotated[bool, Parameter(help="Print the whole result as JSON.", negative=())] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Call a tool and print what it gives. Progress goes to standard error."""
    from controlplane.cli import calling, settings

    calling.call(settings.load(url=url, tenant=tenant), server, tool, argument or [], as_json=json)


@app.command
def tools(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """List a server's tools."""
    from controlplane.cli import calling, settings

    calling.tools(settings.load(url=url, tenant=tenant), server)


@app.command
def servers(*, tenant: Tenant = None, url: Url = None) -> None:
    """List the tenant's servers."""
    from controlplane.cli import listing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        listing.servers(api)


@app.command
def rollback(
    server: str,
    *,
    to: Annotated[str | None, Parameter(help="A revision's number or id. Default: the one before.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Serve an earlier revision again."""
    from controlplane.cli import deploying
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        deploying.report(api.send("POST", path("servers", server, "rollback"), {"revision": to}))


@app.command
def logs(
    server: str,
    *,
    revision: Annotated[str | None, Parameter(help="Its number or id. Default: the newest.")] = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Show the build log of a revision; of one that is being built, as it is written."""
    from controlplane.cli import listing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        listing.logs(api, server, revision)


@app.command
def allow(
    server: str,
    *hosts: str,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """Let a server's code reach these hosts, and no others. Without hosts: none."""
    from controlplane.cli import listing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        listing.allow(api, server, list(hosts))


@secrets.command(name="set")
def set_secret(server: str, name: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Write a secret. Its value is read from standard input or asked for: arguments can be seen by others."""
    from controlplane.cli import listing
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("PUT", path("servers", server, "secrets", name), {"value": listing.read_secret(name)})
    print(f"Set {name} of {server}.")


@secrets.command(name="rm")
def remove_secret(server: str, name: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """Forget a secret."""
    from controlplane.cli.platform_api import connected, path

    with connected(url, tenant) as api:
        api.send("DELETE", path("servers", server, "secrets", name))
    print(f"Removed {name} of {server}.")


@secrets.command(name="ls")
def list_secrets(server: str, *, tenant: Tenant = None, url: Url = None) -> None:
    """List a server's secrets by name and fingerprint; values are never shown."""
    from controlplane.cli import listing
    from controlplane.cli.platform_api import connected

    with connected(url, tenant) as api:
        listing.secrets(api, server)


def main(argv: Sequence[str] | None = None) -> None:
    """The console script. Exit status: 0 done, 1 refused or failed, 2 misused, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["up"]:
            sys.exit(_up(arguments[1:]))
        if arguments[:1] == ["web"]:
            sys.exit(_web(arguments[1:]))
        if arguments[:1] == ["runner"]:
            sys.exit(_runner(arguments[1:]))
        if arguments and arguments[0] in ("run", "dev", "inspect"):
            sys.exit(_server(arguments))
        if arguments[:1] == ["doctor"]:
            sys.exit(_doctor(arguments[1:]))
        if arguments[:1] == ["manage"]:
            sys.exit(_manage(arguments[1:]))
        if arguments == ["createowner"]:
            sys.exit(_manage(arguments))
        app(arguments, exit_on_error=False)
    except CycloptsError:
        sys.exit(2)
    except CliError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone, and there is nobody to tell
        sys.exit(1)


@app.command
def bridge(
    address: str,
    *,
    login: Annotated[bool, Parameter(help="Log in with a browser, even with a STOA_API_KEY.", negative=())] = False,
) -> None:
    """Be a stdio server for a remote endpoint: for clients that cannot reach it by themselves.

    The key is STOA_API_KEY; without one a browser opens where the endpoint asks for a login.
    """
    from controlplane.cli.bridging import bridge as serve

    serve(address, login=login)


@app.command(name="run")
def _run_help() -> None:
    """Run a server by itself: stoa run server.py --transport http. `stoa run --help` has its options."""


@app.command(name="dev")
def _dev_help() -> None:
    """Run a server with a page to try it on, and start it anew when a file changes."""


@app.command(name="inspect")
def _inspect_help() -> None:
    """Say what a server offers, and what good practice would change."""


@app.command(name="up")
def _up_help() -> None:
    """Start everything on this machine: services, platform and a demo. `stoa up --help` has its options."""


@app.command(name="web")
def _web_help() -> None:
    """Run one web process of a production installation. `stoa web --help` has its options."""


@app.command(name="runner")
def _runner_help() -> None:
    """Run the sandbox runner of this host alone. `stoa runner --help` has its options."""


@app.command(name="createowner")
def _createowner_help() -> None:
    """Print a link with which the first person of the installation that runs here makes their account."""


@app.command(name="doctor")
def _doctor_help() -> None:
    """Check the installation that runs here: database, Redis, keys, sandbox, address and mail, each with a remedy."""


@app.command(name="manage")
def _manage_help() -> None:
    """Run a Django command in the installation that `stoa up` runs here, such as `password_link`."""


def _server(arguments: list[str]) -> int:
    """Verbs about one server, without a platform: the same ones that `fastmcp` has inside sandboxes."""
    from mcp_runtime.framework.console.main import main as console

    return console(arguments, program="stoa")


def _doctor(arguments: list[str]) -> int:
    from controlplane.cli.managing import examine

    return examine(arguments)


def _manage(arguments: list[str]) -> int:
    from controlplane.cli.managing import manage

    return manage(arguments)


def _up(arguments: list[str]) -> int:
    """Options are its own: it is a program of its own, which must also start without this package's dependencies."""
    from controlplane.local import up

    return up.main(arguments)


def _web(arguments: list[str]) -> int:
    from controlplane.cli.serving import main as serve

    return serve(arguments)


def _runner(arguments: list[str]) -> int:
    """What is not given is where the rest of the installation expects it."""
    import runpy

    from controlplane import env
    from controlplane.local.installation import RUNNER_OPTIONS

    home = env.home()
    expected = {
        "--home": home,
        "--socket": env.path("STOA_RUNNER_SOCKET", default=home / "run" / "runner.sock"),
        "--store": env.path("STOA_STORE", default=home / "store"),
    }
    told = {option: os.environ[name] for name, option in RUNNER_OPTIONS.items() if os.environ.get(name)}
    for option, value in {**expected, **told}.items():
        if not any(argument.split("=")[0] == option for argument in arguments):
            arguments = [*arguments, f"{option}={value}"]
    sys.argv = ["stoa runner", *arguments]
    runpy.run_module("mcp_runtime.sandbox.runner", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    main()
