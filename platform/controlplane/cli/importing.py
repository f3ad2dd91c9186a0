"""`stoa import`: the MCP servers in a desktop client's settings, or one of the MCP Registry, become the tenant's.

Claude Desktop, Cursor, Windsurf and others keep them under `mcpServers`, VS Code under `servers`. An entry is a command
(`npx` and `uvx` name a package) with its environment, whose values become secrets, or an address with its headers. A
`server.json` of the registry is made into such an entry (`registry.server_json`).
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from controlplane.cli import deploying
from controlplane.cli.errors import CliError
from controlplane.cli.listing import read_secret
from controlplane.cli.output import note, printable
from controlplane.cli.platform_api import Api
from controlplane.cli.platform_api import path as api_path
from controlplane.registry import server_json

_PLACEHOLDER = re.compile(r"\$\{|^<.*>$|^YOUR[_ -]", re.IGNORECASE)
"""What a reader was to replace, or the client asks for."""


def import_settings(
    api: Api, file: Path, *, given: Sequence[str] = (), name: str | None = None, package: bool = False
) -> None:
    """Each entry by itself: one that fails keeps no other from being served. Raises CliError that names those.

    `given` are `NAME=value` for what a `server.json` asks for, or `NAME` for a value that is read; `name` is what the
    one server is called then, and `package` says to install it where it names an address as well.
    """
    document = _document(file)
    if server_json.is_one(document):
        found = _published(document, _values(given, file), name, package=package)
    elif given or name or package:
        raise CliError(
            "Only a server.json of the MCP Registry takes --set, --name and --package.",
            hint="Write names and values into the file.",
        )
    else:
        found = _entries(file, document)
    failed = []
    for key, entry in found.items():
        slug = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
        try:
            _import(api, slug, entry)
        except CliError as error:
            failed.append(slug)
            print(f"error: {slug}: {error}", file=sys.stderr)
            if error.hint:
                print(f"  hint: {error.hint}", file=sys.stderr)
    if failed:
        raise CliError(f"Not imported: {', '.join(failed)}.", hint="Correct them there, and import the file again.")


def _document(file: Path) -> Any:
    try:
        return json.loads(sys.stdin.read() if str(file) == "-" else file.read_text("utf-8"))
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CliError(f"{file} is not JSON: {error}.", hint="Comments and trailing commas are none.") from None


def _entries(file: Path, document: Any) -> Mapping[str, Any]:
    found = document if isinstance(document, dict) else {}
    for key in ("mcp", "mcpServers", "servers"):
        found = found[key] if isinstance(found.get(key), dict) else found
    if not found or not all(isinstance(entry, dict) for entry in found.values()):
        raise CliError(f"{file} names no servers.", hint='It has {"mcpServers": {"name": {"command": …}}}.')
    return found


def _published(
    document: Any, given: Mapping[str, Sequence[str]], name: str | None, *, package: bool
) -> Mapping[str, Any]:
    try:
        own, entry = server_json.entry_of(document, given, package=package)
    except server_json.InvalidServerJson as error:
        raise CliError(printable(error.message), hint=printable(error.hint)) from None
    return {name or own: entry}


def _values(given: Sequence[str], file: Path) -> Mapping[str, Sequence[str]]:
    """By name. A value that never was an argument is asked for, or is what standard input has."""
    asked = [one for one in given if "=" not in one]
    if asked and not sys.stdin.isatty() and (len(asked) > 1 or str(file) == "-"):
        raise CliError(
            f"Standard input cannot be all of: {', '.join(asked)}.", hint="Run it where you can be asked for each."
        )
    found: dict[str, list[str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        found.setdefault(name, []).append(value if equals else read_secret(name))
    return found


def _import(api: Api, name: str, entry: Mapping[str, Any]) -> None:
    if isinstance(entry.get("command"), str):
        _import_command(api, name, entry)
    elif isinstance(entry.get("url"), str):
        _import_remote(api, name, entry)
    else:
        raise CliError("It has neither a command nor a url.")


def _import_command(api: Api, name: str, entry: Mapping[str, Any]) -> None:
    program = PurePosixPath(PureWindowsPath(entry["command"]).as_posix()).name.removesuffix(".cmd").removesuffix(".exe")
    words = [program, *map(str, entry.get("args") or ())]
    if program not in ("npx", "uvx"):
        raise CliError(
            f"'{program}' starts something of this machine.",
            hint=f'Deploy its folder: stoa deploy FOLDER --name {name} --command "{shlex.join(words)[:200]}"',
        )
    api.send("POST", api_path("servers"), {"name": name})
    for variable, value in (entry.get("env") or {}).items():
        if not isinstance(value, str) or _PLACEHOLDER.search(value):
            note(printable(f"{name}: {variable} has no value there. Give it: stoa secrets set {name} {variable}"))
            continue
        api.send("PUT", api_path("servers", name, "secrets", variable), {"value": value})
    deploying.deploy_package(api, name, shlex.join(words))


def _import_remote(api: Api, name: str, entry: Mapping[str, Any]) -> None:
    body: dict[str, Any] = {"url": entry["url"], "transport": "sse" if entry.get("type") == "sse" else "auto"}
    headers = entry.get("headers") or {}
    if len(headers) > 1:
        raise CliError(
            "It has more than one header, and a server elsewhere takes one credential.",
            hint=f"Save it with the one it needs: stoa remote set {name} {entry['url']} --credential --header NAME",
        )
    for header, value in headers.items():
        if _PLACEHOLDER.search(str(value)):
            note(printable(f"{name}: {header} has no value there."))
            continue
        scheme, blank, rest = str(value).partition(" ")
        credential = {"scheme": scheme, "value": rest} if blank else {"scheme": "", "value": str(value)}
        body["credential"] = {"header": header, **credential}
    saved = api.send("PUT", api_path("servers", name, "remote"), body)
    print(f"{name} serves revision {saved['revision']['number']} at {saved['revision']['endpoint_url']}")
