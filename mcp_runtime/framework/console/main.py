"""The command line: `run`, `dev`, `inspect`, `version`.

It needs nothing but the standard library, so that it is the same inside a sandbox and under `stoa`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mcp_runtime.framework.console import loading
from mcp_runtime.framework.console.environments import Wanted
from mcp_runtime.framework.errors import FrameworkError

__all__ = ("VERBS", "main")

TRANSPORTS = ("stdio", "http", "streamable-http", "sse")
VERBS = ("run", "dev", "inspect", "version")


def main(arguments: Sequence[str] | None = None, program: str = "fastmcp") -> int:
    """Exit status: 0 done, 1 refused or failed, 2 misused, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    given, rest = _cut(given)
    parser = _parser(program)
    options = parser.parse_args(given)
    if options.verb is None:
        parser.print_help()
        return 2
    try:
        return {"run": _run, "dev": _dev, "inspect": _inspect, "version": _version}[options.verb](
            options, rest, program
        )
    except KeyboardInterrupt:
        return 130
    except (FrameworkError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 1
    except Exception as error:  # noqa: BLE001 - the file is the author's, and may raise anything
        from mcp_runtime.framework.entrypoint import EntrypointError

        if isinstance(error, (EntrypointError, ValueError)):
            print(f"{program}: {error}", file=sys.stderr)  # noqa: T201
        else:
            import traceback

            traceback.print_exc()
        return 1


def _run(options: argparse.Namespace, rest: list[str], program: str) -> int:
    if options.reload:
        return _reloading(options, rest, program, "run")
    loaded = loading.load(options.source, rest, _environment(options))
    wanted = {**loaded.options, **_said(options)}
    transport = wanted.pop("transport", None)
    if transport in (None, "stdio"):
        misplaced = sorted({"host", "port", "path"} & _said(options).keys())
        if misplaced and transport == "stdio":
            raise ValueError(f"--{misplaced[0]} is for HTTP: add --transport http.")
        transport = "http" if misplaced else transport
    if transport in (None, "stdio"):
        wanted = {key: value for key, value in wanted.items() if key in ("show_banner", "log_level")}
    loaded.server.run(transport, **wanted)
    return 0


def _dev(options: argparse.Namespace, rest: list[str], program: str) -> int:
    if options.reload:
        return _reloading(options, rest, program, "dev")
    from importlib import import_module

    from mcp_runtime.framework.standalone import HOST

    loaded = loading.load(options.source, rest)
    inspector: Any = import_module(f"{HOST}.inspector")
    page = inspector.add_to(loaded.server, token=options.token)
    print(f"{loaded.server.name}: http://127.0.0.1:{options.port}{page}", file=sys.stderr)  # noqa: T201
    loaded.server.run("http", host="127.0.0.1", port=options.port, show_banner=False, log_level="warning")
    return 0


def _inspect(options: argparse.Namespace, rest: list[str], program: str) -> int:
    from mcp_runtime.framework.console.inspecting import report

    loaded = loading.load(options.source, rest)
    found = asyncio.run(report(loaded.server))
    text = json.dumps(found, ensure_ascii=False, indent=2)
    if options.output is not None:
        Path(options.output).write_text(text + "\n", encoding="utf-8")
    elif options.format == "json":
        print(text)  # noqa: T201
    else:
        _print_summary(found)
    return 0


def _version(options: argparse.Namespace, rest: list[str], program: str) -> int:
    import platform

    from mcp_runtime.protocol.versions import SUPPORTED

    print(f"{program} of Stoa, for servers of FastMCP 2 to 4")  # noqa: T201
    print(f"Python {platform.python_version()}; MCP {', '.join(SUPPORTED)}")  # noqa: T201
    return 0


def _reloading(options: argparse.Namespace, rest: list[str], program: str, verb: str) -> int:
    from mcp_runtime.framework.console.reloading import supervise

    folder = loading.locate(options.source)
    if folder is None:
        raise ValueError("--reload watches files, and an address has none.")
    command = [sys.executable, "-m", "mcp_runtime.framework", verb]
    if options.source is not None:
        command.append(options.source)
    if verb == "dev":
        command += ["--port", str(options.port), "--no-reload", "--token", _token(options, program)]
    else:
        for name, value in _said(options).items():
            if name != "show_banner":
                command += [f"--{name.replace('_', '-')}", str(value)]
        command += ["--no-banner"] if options.no_banner else []
        command += _environment_again(options)
    if rest:
        command += ["--", *rest]
    return supervise(command, folder, say=lambda text: print(text, file=sys.stderr))  # noqa: T201


def _environment_again(options: argparse.Namespace) -> list[str]:
    words = ["--skip-env"] if options.skip_env else []
    words += [] if options.python is None else ["--python", options.python]
    for name, values in (
        ("with", options.packages),
        ("with-requirements", options.files),
        ("project", options.projects),
    ):
        words += [f"--{name}={value}" for value in values]
    return words


def _token(options: argparse.Namespace, program: str) -> str:
    """Of the inspector's page, the same after each change."""
    import secrets

    token: str = options.token or secrets.token_urlsafe(24)
    return token


def _environment(options: argparse.Namespace) -> Wanted | None:
    """What is to be installed first; None where the configuration's wishes are left alone as well."""
    if options.skip_env:
        return None
    return Wanted(
        packages=tuple(options.packages),
        files=tuple(Path(file) for file in options.files),
        projects=tuple(Path(folder) for folder in options.projects),
        python=options.python,
    )


def _said(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of running, under `run()`'s names."""
    said = {
        name: value
        for name in ("transport", "host", "port", "path", "log_level")
        if (value := getattr(options, name)) is not None
    }
    if options.no_banner:
        said["show_banner"] = False
    return said


def _print_summary(found: dict[str, Any]) -> None:
    server = found["server"]
    print(f"{server['name']} {server['version']}".rstrip())  # noqa: T201
    for kind, key in (
        ("tools", "name"),
        ("resources", "uri"),
        ("resourceTemplates", "uriTemplate"),
        ("prompts", "name"),
    ):
        names = ", ".join(str(one[key]) for one in found[kind])
        print(f"  {kind}: {len(found[kind])}" + (f"  {names}" if names else ""))  # noqa: T201
    for one in found["advice"]:
        print(f"  {one['rule']}  {one['component']}: {one['message']}")  # noqa: T201


def _cut(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is the command's, and what after `--` is the server's."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=program, description="Run and look at MCP servers.")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", parser_class=_Parser)
    run = verbs.add_parser("run", help="Run a server.", description="Run a server: by stdio, or over HTTP.")
    _add_source(run)
    run.add_argument("--transport", "-t", choices=TRANSPORTS, help="Default: stdio, or what the configuration says.")
    run.add_argument("--host", help="Where to listen. Default: 127.0.0.1.")
    run.add_argument("--port", "-p", type=int, help="Default: 8000.")
    run.add_argument("--path", help="Of the endpoint. Default: /mcp, or /sse.")
    run.add_argument("--log-level", "-l", type=str.upper, help="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    run.add_argument("--no-banner", action="store_true", help="Say nothing at the start.")
    run.add_argument("--reload", action="store_true", help="Start anew when a file changes.")
    run.add_argument("--python", help="The Python that the server needs, such as 3.12: another one is refused.")
    run.add_argument("--with", dest="packages", action="append", default=[], help="A package to install first.")
    run.add_argument("--with-requirements", dest="files", action="append", default=[], help="A file of them.")
    for name in ("--project", "--with-editable"):
        run.add_argument(name, dest="projects", action="append", default=[], help="A project to import from.")
    run.add_argument("--skip-env", action="store_true", help="Install nothing, whatever the configuration says.")
    run.add_argument("--skip-source", action="store_true", help="No source is fetched in any case.")
    dev = verbs.add_parser("dev", help="Run a server with a page to try it on, and start anew when a file changes.")
    _add_source(dev)
    dev.add_argument("--port", "-p", type=int, default=8000, help="Default: 8000.")
    dev.add_argument("--no-reload", dest="reload", action="store_false", help="Run once.")
    dev.add_argument("--token", help=argparse.SUPPRESS)
    look = verbs.add_parser("inspect", help="Say what a server offers, and what good practice would change.")
    _add_source(look)
    look.add_argument("--format", "-f", choices=("text", "json"), default="text")
    look.add_argument("--output", "-o", help="Write the JSON report to a file.")
    verbs.add_parser("version", help="Say which versions these are.")
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", help="server.py, server.py:object, an address, mcp.json or fastmcp.json. Default: found."
    )
