"""Find the server in a folder of source: which file to load, and what to install. Runs none of it.

The folder is a tenant's. Every file is read with a cap, parsed at most by `ast` and `tomllib`, and never imported.
The order is the one of `fastmcp run` (FASTMCP L-01, L-02), then the file that creates a FastMCP.
"""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from controlplane.registry.companions import companions
from controlplane.registry.errors import SourceError
from controlplane.registry.projects import (
    Dependencies,
    FastMCPConfig,
    fastmcp_config,
    package_file,
    pyproject_dependencies,
    requirements_file,
    script_dependencies,
)

FILE_NAMES = ("server.py", "main.py", "app.py", "mcp_server.py")
OBJECT_NAMES = frozenset({"mcp", "server", "app"})
SERVER_CLASSES = frozenset({"FastMCP", "FastMCPProxy"})
MAX_PARSED_BYTES = 256 * 1024
"""A larger file is loaded only when it is named: parsing it here could cost the platform hundreds of megabytes."""
MAX_PARSED_FILES = 200
SKIPPED_FOLDERS = frozenset(
    {
        "tests",
        "test",
        "node_modules",
        "__pycache__",
        "site-packages",
        "venv",
        "env",
        "build",
    }
)
MAX_LINE_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Source:
    """What the build needs to know about a folder."""

    entrypoint: str
    """`server.py` or `server.py:name`, relative to the folder, with forward slashes; empty for a command."""
    dependencies: Dependencies
    package_json: str | None = None
    """Of a command in JavaScript."""
    package_lock: str | None = None


def inspect(folder: Path, entrypoint: str | None = None) -> Source:
    """Find the entrypoint and the dependencies in `folder`. Raises SourceError with a line and a hint."""
    base = _base(folder)
    config_path = base / "fastmcp.json"
    config = fastmcp_config(config_path) if _is_file(config_path) else None
    file, name = _entrypoint(folder, base, entrypoint, config)
    text = _python_text(file, folder)
    _check_syntax(text, file, folder)
    dependencies = _dependencies(text, file, base, config)
    _check_python(dependencies)
    dependencies = _with_companions(dependencies, file, base)
    relative = file.relative_to(folder).as_posix()
    return Source(f"{relative}:{name}" if name else relative, dependencies)


def inspect_command(folder: Path) -> Source:
    """What a server needs that a command starts: what its project files say, and nothing that its code imports.

    Raises SourceError.
    """
    base = _base(folder)
    dependencies = _dependencies(None, folder, base, None)
    _check_python(dependencies)
    package_json = package_file(base / "package.json")
    if package_json is None:
        return Source("", dependencies)
    if dependencies.requirements:
        raise SourceError(
            f"The bundle has a package.json, and Python packages in {dependencies.origin}.",
            code="mixed_packages",
            hint="Keep one of the two: a command is a program in Python or in JavaScript.",
        )
    return Source("", dependencies, package_json, package_file(base / "package-lock.json"))


def _base(folder: Path) -> Path:
    """The folder that holds the project: a bundle of exactly one folder is that folder, as zip tools make them."""
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith((".", "__MACOSX"))]
    if len(entries) == 1 and entries[0].is_dir(follow_symlinks=False):
        return folder / entries[0].name
    return folder


def _entrypoint(
    folder: Path, base: Path, explicit: str | None, config: FastMCPConfig | None
) -> tuple[Path, str | None]:
    if explicit:
        file_name, _, name = explicit.partition(":")
        return _named(folder, base, file_name, name or None, "The entrypoint")
    if config and config.path:
        return _named(folder, base, config.path, config.object_name, "fastmcp.json")
    return _discovered(folder, base), config.object_name if config else None


def _named(folder: Path, base: Path, file_name: str, name: str | None, who: str) -> tuple[Path, str | None]:
    parts = PurePosixPath(file_name.replace("\\", "/")).parts
    hint = "Name a file of the bundle, for example --entrypoint server.py or --entrypoint src/server.py:mcp."
    if not parts or parts[0] == "/" or ".." in parts or not file_name.endswith(".py"):
        raise SourceError(
            f"{who} names '{file_name[:MAX_LINE_SHOWN]}', which is not a .py file inside the bundle.",
            code="bad_entrypoint",
            hint=hint,
        )
    if name is not None and not name.isidentifier():
        raise SourceError(
            f"{who} names the object '{name[:MAX_LINE_SHOWN]}', which is not a Python name.",
            code="bad_entrypoint",
            hint="After the colon stands the variable or function that holds the server: server.py:mcp.",
        )
    for start in dict.fromkeys((base, folder)):
        if _is_file(start.joinpath(*parts)):
            return start.joinpath(*parts), name
    found = ", ".join(sorted(path.relative_to(folder).as_posix() for path in _python_files(base))[:10])
    raise SourceError(
        f"{who} names '{file_name[:MAX_LINE_SHOWN]}', but the bundle has no such file.",
        code="entrypoint_not_found",
        hint=f"{hint} Python files found: {found or 'none'}.",
    )


def _discovered(folder: Path, base: Path) -> Path:
    present = [base / name for name in FILE_NAMES if _is_file(base / name)]
    for file in present:
        if _may_hold_server(file):
            return file
    files = list(_python_files(base))
    creating = [file for file in files if _creates_server(file)]
    if len(creating) == 1:
        return creating[0]
    if len(creating) > 1:
        names = ", ".join(file.relative_to(folder).as_posix() for file in creating[:10])
        raise SourceError(
            f"{len(creating)} files create a FastMCP server: {names}.",
            code="ambiguous_entrypoint",
            hint=f"Say which one to serve: --entrypoint {creating[0].relative_to(folder).as_posix()}",
        )
    if present:
        return present[0]
    if len(files) == 1:
        return files[0]
    if not files:
        raise SourceError(
            "The bundle holds no Python file.",
            code="no_python_file",
            hint="Deploy a .py file, or a folder or zip with a server.py that creates a FastMCP.",
        )
    names = ", ".join(file.relative_to(folder).as_posix() for file in files[:10])
    raise SourceError(
        f"No file creates a FastMCP server. Looked at: {names}.",
        code="no_entrypoint",
        hint="Create one, for example mcp = FastMCP('name') in server.py, or pass --entrypoint file.py:name.",
    )


def _python_files(base: Path) -> Iterator[Path]:
    """Python files in reading order: shallow before deep, then by name. At most MAX_PARSED_FILES."""
    count = 0
    level = [base]
    while level:
        below: list[Path] = []
        for folder in level:
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in SKIPPED_FOLDERS:
                        below.append(folder / entry.name)
                elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                    count += 1
                    if count > MAX_PARSED_FILES:
                        return
                    yield folder / entry.name
        level = below


def _may_hold_server(file: Path) -> bool:
    """Whether a well-known file is the one to serve: it creates a FastMCP, binds a usual name, or does not parse.

    A broken `server.py` is chosen, so that its own error is what the deployer reads.
    """
    try:
        tree = _parse(file)
    except (SyntaxError, ValueError):
        return True
    return tree is None or _calls_server_class(tree) or bool(_bound_names(tree) & OBJECT_NAMES)


def _creates_server(file: Path) -> bool:
    try:
        tree = _parse(file)
    except (SyntaxError, ValueError):
        return False
    return tree is not None and _calls_server_class(tree)


def _parse(file: Path) -> ast.Module | None:
    """The syntax tree; None for a file too large or too deep to be parsed here. Raises SyntaxError, ValueError."""
    with file.open("rb") as stream:
        source = stream.read(MAX_PARSED_BYTES + 1)
    if len(source) > MAX_PARSED_BYTES:
        return None
    return _tree(source, file.name)


def _tree(source: bytes | str, name: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tenant's invalid escapes are not our warnings
        try:
            return ast.parse(source, name)
        except (RecursionError, MemoryError):
            return None


def _calls_server_class(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            while isinstance(function, ast.Attribute) and function.attr not in SERVER_CLASSES:
                function = function.value  # FastMCP.from_openapi(...), FastMCP.as_proxy(...)
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
            if name in SERVER_CLASSES:
                return True
    return False


def _bound_names(tree: ast.Module) -> set[str]:
    """Names that the module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _python_text(file: Path, folder: Path) -> str | None:
    """The entrypoint's source; None when it is larger than what is parsed here: the sandbox then judges it."""
    with file.open("rb") as stream:
        data = stream.read(MAX_PARSED_BYTES + 1)
    if len(data) > MAX_PARSED_BYTES:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{file.relative_to(folder).as_posix()} is not UTF-8 text (line {line}).",
            code="not_utf8",
            line=line,
            hint="Save the file as UTF-8.",
        ) from error


def _check_syntax(text: str | None, file: Path, folder: Path) -> None:
    if text is None:
        return
    name = file.relative_to(folder).as_posix()
    try:
        _tree(text, name)
    except SyntaxError as error:
        shown = (error.text or "").rstrip("\n")[:MAX_LINE_SHOWN]
        marker = " " * (max(error.offset or 1, 1) - 1) + "^"
        detail = f'  File "{name}", line {error.lineno}\n    {shown}\n    {marker[:MAX_LINE_SHOWN]}\n'
        detail += f"{type(error).__name__}: {error.msg}"
        raise SourceError(
            f"{name} has a syntax error on line {error.lineno}: {error.msg}.",
            code="syntax_error",
            line=error.lineno,
            detail=detail,
            hint="Correct that line and deploy again.",
        ) from error
    except ValueError as error:  # null bytes
        raise SourceError(f"{name} is not Python source: {error}.", code="syntax_error") from error


def _dependencies(text: str | None, file: Path, base: Path, config: FastMCPConfig | None) -> Dependencies:
    inline = script_dependencies(text, file.name) if text is not None else None
    if inline is not None:
        return inline
    if config and config.dependencies:
        return config.dependencies
    if _is_file(base / "requirements.txt"):
        return requirements_file(base / "requirements.txt")
    if _is_file(base / "pyproject.toml"):
        return pyproject_dependencies(base / "pyproject.toml") or Dependencies()
    return Dependencies()


def _with_companions(dependencies: Dependencies, file: Path, base: Path) -> Dependencies:
    """What the code imports that came with FastMCP is required too; see `companions`."""
    files = {file, *_python_files(base)}
    trees = (tree for one in files if (tree := _parsed_quietly(one)) is not None)
    added = companions(trees, dependencies.requirements, base)
    if not added:
        return dependencies
    origin = dependencies.origin or "the code's imports"
    return replace(dependencies, requirements=dependencies.requirements + added, origin=origin)


def _parsed_quietly(file: Path) -> ast.Module | None:
    try:
        return _parse(file)
    except (SyntaxError, ValueError):
        return None  # a file that the server may never import


def _check_python(dependencies: Dependencies) -> None:
    if not dependencies.requires_python:
        return
    running = ".".join(str(part) for part in sys.version_info[:3])
    try:
        suits = SpecifierSet(dependencies.requires_python).contains(running)
    except InvalidSpecifier as error:
        raise SourceError(
            f"'{dependencies.requires_python[:MAX_LINE_SHOWN]}' in {dependencies.origin} is no Python version range.",
            code="bad_requires_python",
            hint="Write it like >=3.11.",
        ) from error
    if not suits:
        raise SourceError(
            f"{dependencies.origin} asks for Python {dependencies.requires_python}; servers here run on {running}.",
            code="python_mismatch",
            hint=f"Widen requires-python so that it includes {running}.",
        )


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
