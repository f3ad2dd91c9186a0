"""What a server needs beside this framework, installed before it is loaded (FASTMCP L-02).

    stoa run server.py --with pandas --with-requirements requirements.txt --project .
    "environment": {"dependencies": ["pandas"]}            in fastmcp.json

The packages are put by `uv` into a folder of their own, which is kept for the next start, and come last on the module
path: what is installed already goes before, and `fastmcp` and `mcp` are this framework, whoever asks for them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp_runtime.framework.errors import FrameworkError

__all__ = ("EnvironmentFault", "Wanted", "of_configuration", "prepare")

OURS = frozenset({"fastmcp", "mcp", "mcp-types", "fastmcp-slim"})
SECONDS = 600.0


class EnvironmentFault(FrameworkError):
    """What a server needs could not be installed."""


@dataclass(frozen=True)
class Wanted:
    """In the words of the command line."""

    packages: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Of requirements."""
    projects: tuple[Path, ...] = ()
    """Folders with a pyproject.toml: what they depend on, and their own code from where it is."""
    python: str | None = None

    def joined(self, other: Wanted) -> Wanted:
        """Both; the other's Python counts where it names one."""
        return replace(
            self,
            packages=self.packages + other.packages,
            files=self.files + other.files,
            projects=self.projects + other.projects,
            python=other.python or self.python,
        )


def of_configuration(environment: object, folder: Path) -> Wanted:
    """The `environment` of a fastmcp.json in `folder`. Raises EnvironmentFault."""
    if environment is None:
        return Wanted()
    if not isinstance(environment, Mapping):
        raise EnvironmentFault('"environment" in fastmcp.json is an object.')
    kind = environment.get("type", "uv")
    if kind != "uv":
        raise EnvironmentFault(f'"environment" in fastmcp.json is of type {kind!r}; there is "uv".')
    files = environment.get("requirements")
    return Wanted(
        packages=tuple(_texts(environment, "dependencies")),
        files=() if files is None else (folder / str(files),),
        projects=tuple(folder / one for key in ("project", "editable") for one in _texts(environment, key)),
        python=environment.get("python"),
    )


def prepare(wanted: Wanted) -> None:
    """Install what is wanted and not there, and let it be imported. Raises EnvironmentFault."""
    check_python(wanted.python)
    lines = [*wanted.packages]
    for file in wanted.files:
        lines += _lines_of(file)
    for project in wanted.projects:
        lines += _dependencies_of(project)
    needed = sorted({line for line in lines if _name(line) not in OURS})
    for project in wanted.projects:
        for folder in (project / "src", project):
            if folder.is_dir() and str(folder.resolve()) not in sys.path:
                sys.path.append(str(folder.resolve()))
    if needed:
        sys.path.append(str(_installed(needed)))


def check_python(wanted: str | None) -> None:
    """Raises EnvironmentFault for a Python that this is not: a server runs in the framework's own process."""
    running = ".".join(str(part) for part in sys.version_info[:3])
    if wanted is None or f"{running}.".startswith(f"{wanted.removeprefix('python')}.") or wanted == sys.executable:
        return
    bounds = re.findall(r"(>=|==|<=|<|>|~=)\s*(\d+(?:\.\d+)*)", wanted)
    if bounds and all(_holds(operator, bound) for operator, bound in bounds):
        return
    raise EnvironmentFault(
        f"This is Python {running}, and Python {wanted} is asked for: install Stoa with that one and start it there, "
        "or leave --python out."
    )


def _holds(operator: str, bound: str) -> bool:
    wanted = tuple(int(part) for part in bound.split("."))
    running = sys.version_info[: len(wanted)]
    compatible = running >= wanted and running[: len(wanted) - 1] == wanted[:-1]
    return {
        ">=": running >= wanted,
        "==": running == wanted,
        "<=": running <= wanted,
        "<": sys.version_info[:3] < wanted,
        ">": running > wanted,
        "~=": compatible,
    }[operator]


def _installed(lines: list[str]) -> Path:
    """The folder with these packages, made at the first call."""
    local = [Path(line) for line in lines if Path(line).exists()]
    stamp = [f"{path.resolve()} {path.stat().st_mtime_ns}" for path in local]
    key = hashlib.sha256("\n".join([sys.version, *lines, *stamp]).encode()).hexdigest()[:24]
    folder = _cache() / key
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _install(lines, staged)
        try:
            staged.rename(folder)
        except OSError:  # another start was faster
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder


def _install(lines: list[str], folder: Path) -> None:
    constraints = folder.with_suffix(".txt")
    pins = (f"{name}=={importlib.metadata.version(name)}\n" for name in ("msgspec", "pydantic"))
    constraints.write_text("".join(pins))  # the process has one of each
    command = [_uv(), "pip", "install", "--quiet", "--target", str(folder), "--python", sys.executable]
    try:
        done = subprocess.run(
            [*command, "--constraints", str(constraints), "--", *lines],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(f"Installing {', '.join(lines)} took longer than {SECONDS:.0f} s.") from error
    finally:
        constraints.unlink()
    if done.returncode != 0:
        raise EnvironmentFault(f"{', '.join(lines)} could not be installed:\n{done.stderr.strip()}")


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise EnvironmentFault("Packages are installed by uv, which is not there: install it (`pip install uv`).")
    return found


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "stoa" / "packages"


def _lines_of(file: Path) -> list[str]:
    if not file.is_file():
        raise EnvironmentFault(f"There is no file of requirements {str(file)!r}.")
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    for line in lines:
        if line.startswith("-"):
            raise EnvironmentFault(
                f"{file.name} has the option {line.split()[0]!r}: name packages in it, and no options."
            )
    return [line for line in lines if line]


def _dependencies_of(project: Path) -> list[str]:
    file = project / "pyproject.toml"
    if not file.is_file():
        raise EnvironmentFault(f"{str(project)!r} is no project: it has no pyproject.toml.")
    import tomllib

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise EnvironmentFault(f"{file} is not TOML: {error}.") from error
    return _texts(table, "dependencies")


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    found: Iterable[object] = () if value is None else [value] if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise EnvironmentFault(f"{key!r} is a list of texts.")
    return [str(one) for one in found]


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+(?=\s*($|[\[<>=!~;]))", line)
    return "" if found is None else re.sub(r"[-_.]+", "-", found[0]).lower()
