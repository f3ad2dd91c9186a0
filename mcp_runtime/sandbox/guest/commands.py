"""A foreign MCP server as a child of this worker: any program that speaks MCP on its standard input and output.

The worker stays what it is, and proxies: to the host such a server is one like all others, with the same frames, limits
and cancellation. Each caller has a child of their own, since a stdio server may take whoever speaks to it for the only
one. None of the platform's modules or names reaches a child: `mcp` and `fastmcp` are those it brought along.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_runtime.sandbox.guest.failures import LoadError

if TYPE_CHECKING:
    from mcp_runtime.framework import FastMCP

PYTHONS = ("python", "python3")
CALLERS = 4
"""Children that are kept at once while nobody uses them; one unused for 5 minutes is ended."""
_HEAD = 256


class Command:
    """A server that offers what a command does."""

    def __init__(self, command: Sequence[str], code: Path, dependencies: str | None, node: str | None) -> None:
        """`node` is where Node is, if it is. Raises LoadError where the command cannot be run."""
        from mcp_runtime.client.transports.stdio import StdioTransport
        from mcp_runtime.framework.composition.connections import PerCaller
        from mcp_runtime.framework.composition.proxy import CACHE_SECONDS, FastMCPProxy, ProxyProvider

        environment = _environment(code, dependencies)
        program = resolved(command[0], environment["PATH"], dependencies, node)
        # With the handshake: SDKs let a tool ask something in the middle of its work then, and not without.
        transport = StdioTransport(program[0], [*program[1:], *command[1:]], env=environment, cwd=code, mode="legacy")
        self._name = command[0]
        self._connections = PerCaller(transport, most=CALLERS)
        provider = ProxyProvider(self._connections, cache_seconds=CACHE_SECONDS)
        self.server: FastMCP = FastMCPProxy(provider=provider, name=self._name)

    async def introduce(self) -> None:
        """Start it once, and take over what it says about itself. Raises LoadError for one that does not answer."""
        from mcp_runtime.framework.errors import ClientError
        from mcp_runtime.framework.serving import nobodys_context

        try:
            async with self._connections.client(nobodys_context(self.server)) as client:
                about = client.initialize_result
        except ClientError as error:
            raise LoadError(
                f"The command {self._name!r} does not serve. {error}",
                hint="It must speak MCP on standard input and output, and write nothing else to standard output.",
            ) from error
        self.server.name, self.server.version = about.server_info.name, about.server_info.version
        self.server.instructions = about.instructions


def resolved(name: str, path: str, dependencies: str | None, node: str | None) -> list[str]:
    """The program, with the interpreter that runs it: a box has neither /usr/bin/env nor a shell.

    Raises LoadError for one that is not there.
    """
    if name in PYTHONS:
        return [sys.executable]
    if name == "node" and node is not None:
        return [node]
    found = next((file for folder in path.split(":") if (file := Path(folder, name)).is_file()), None)
    if found is not None:
        return [sys.executable, str(found)] if _is_python(found) else [str(found)]
    script = _of_a_package(name, Path(dependencies) / "node_modules") if dependencies else None
    if script is not None and node is not None:
        return [node, str(script)]
    hint = "Name `python`, `node`, or a program that the server's requirements install."
    if name == "node" or script is not None:
        hint = "This host has no Node: ask your operator to install stoa[node]."
    raise LoadError(f"There is no program {name!r}.", hint=hint)


def _is_python(file: Path) -> bool:
    with file.open("rb") as program:
        first = program.read(_HEAD).split(b"\n", 1)[0]
    return first.startswith(b"#!") and b"python" in first


def _of_a_package(name: str, modules: Path) -> Path | None:
    """The script that a package of JavaScript installs under this name, as its `bin` says.

    Else, as npx has it, the only one of the package of this name.
    """
    only = None
    for manifest in sorted([*modules.glob("*/package.json"), *modules.glob("@*/*/package.json")]):
        try:
            about = json.loads(manifest.read_bytes())
        except ValueError:
            continue
        programs = about.get("bin") if isinstance(about, dict) else None
        package = str(about.get("name", "")).rpartition("/")[2] if programs else ""
        if isinstance(programs, str):
            programs = {package: programs}
        if not isinstance(programs, dict):
            continue
        for program, script in programs.items():
            if isinstance(script, str) and (manifest.parent / script).is_file():
                if program == name:
                    return manifest.parent / script
                if package == name and len(programs) == 1:
                    only = manifest.parent / script
    return only


def _environment(code: Path, dependencies: str | None) -> Mapping[str, str]:
    """The worker's own, secrets included, and where the server's files are."""
    folders = [str(code), *([dependencies] if dependencies else [])]
    programs = [f"{folder}/bin" for folder in folders[1:]]
    return {
        **os.environ,
        "PATH": ":".join([*programs, os.environ.get("PATH", "/usr/bin")]),
        "PYTHONPATH": ":".join(folders),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
