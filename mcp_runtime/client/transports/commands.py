"""Child processes by what runs them: Python, Node, uv, uvx, npx (FASTMCP CL-03, CL-04, CL-21)."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from mcp_runtime.client.transports.stdio import StdioTransport
from mcp_runtime.framework import aliases

__all__ = (
    "FastMCPStdioTransport",
    "NodeStdioTransport",
    "NpxStdioTransport",
    "PythonStdioTransport",
    "UvStdioTransport",
    "UvxStdioTransport",
)

PathLike = str | os.PathLike[str]


class PythonStdioTransport(StdioTransport):
    """A Python file that runs its server when executed.

    Where FastMCP's names are ours in this program, or are nobody's, they are ours in the child too.
    """

    def __init__(
        self,
        script_path: PathLike,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: PathLike | None = None,
        python_cmd: str = sys.executable,
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        script = _script(script_path, ".py")
        ours = python_cmd == sys.executable and _names_are_ours()
        run = ["-m", "mcp_runtime.framework.script", script] if ours else [script]
        super().__init__(python_cmd, [*run, *(args or ())], env, cwd, keep_alive, log_file, mode=mode)


class NodeStdioTransport(StdioTransport):
    """A JavaScript file."""

    def __init__(
        self,
        script_path: PathLike,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: PathLike | None = None,
        node_cmd: str = "node",
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        script = _script(script_path, ".js")
        super().__init__(node_cmd, [script, *(args or ())], env, cwd, keep_alive, log_file, mode=mode)


class FastMCPStdioTransport(StdioTransport):
    """A Python file that defines a server, run by the `fastmcp` command."""

    def __init__(
        self,
        script_path: PathLike,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: PathLike | None = None,
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        script = _script(script_path, ".py")
        super().__init__("fastmcp", ["run", script, *(args or ())], env, cwd, keep_alive, log_file, mode=mode)


class UvStdioTransport(StdioTransport):
    """A command or module in an environment that uv makes."""

    def __init__(
        self,
        command: str,
        args: Sequence[str] | None = None,
        module: bool = False,
        project_directory: PathLike | None = None,
        python_version: str | None = None,
        with_packages: Sequence[str] | None = None,
        with_requirements: PathLike | None = None,
        env_vars: Mapping[str, str] | None = None,
        keep_alive: bool | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        options = ["run"]
        if project_directory is not None:
            options += ["--directory", str(_folder(project_directory))]
        if python_version is not None:
            options += ["--python", python_version]
        for package in with_packages or ():
            options += ["--with", package]
        if with_requirements is not None:
            options += ["--with-requirements", str(with_requirements)]
        run = ["python", "-m", command] if module else [command]
        super().__init__("uv", [*options, *run, *(args or ())], env_vars, None, keep_alive, mode=mode)


class UvxStdioTransport(StdioTransport):
    """A tool that uvx installs and runs."""

    def __init__(
        self,
        tool_name: str,
        tool_args: Sequence[str] | None = None,
        project_directory: PathLike | None = None,
        python_version: str | None = None,
        with_packages: Sequence[str] | None = None,
        from_package: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        keep_alive: bool | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        options: list[str] = []
        if python_version is not None:
            options += ["--python", python_version]
        if from_package is not None:
            options += ["--from", from_package]
        for package in with_packages or ():
            options += ["--with", package]
        cwd = None if project_directory is None else _folder(project_directory)
        super().__init__("uvx", [*options, tool_name, *(tool_args or ())], env_vars, cwd, keep_alive, mode=mode)


class NpxStdioTransport(StdioTransport):
    """A package that npx installs and runs."""

    def __init__(
        self,
        package: str,
        args: Sequence[str] | None = None,
        project_directory: PathLike | None = None,
        env_vars: Mapping[str, str] | None = None,
        use_package_lock: bool = True,
        keep_alive: bool | None = None,
        *,
        mode: str = "auto",
    ) -> None:
        options = ["--prefer-offline"] if use_package_lock else []
        cwd = None if project_directory is None else _folder(project_directory)
        super().__init__("npx", [*options, package, *(args or ())], env_vars, cwd, keep_alive, mode=mode)


def _names_are_ours() -> bool:
    if aliases.installed():
        return True
    try:
        return importlib.util.find_spec("fastmcp") is None
    except ImportError:  # somebody keeps it from being found
        return True


def _script(path: PathLike, suffix: str) -> str:
    script = Path(path)
    if script.suffix != suffix:
        raise ValueError(f"{script} is not a {suffix} file.")
    if not script.is_file():
        raise FileNotFoundError(f"There is no file {script}.")
    return str(script)


def _folder(path: PathLike) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    return folder
