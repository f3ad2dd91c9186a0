"""What a project says about itself: dependencies, Python version, entrypoint. Read from files, never by running them.

Sources, strongest first: inline script metadata of the entrypoint (PEP 723), `fastmcp.json`, `requirements.txt`,
`pyproject.toml` (PEP 621). The strongest one present is used alone: mixing them would install what nobody asked for.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from controlplane.registry.errors import SourceError

MAX_PROJECT_FILE_BYTES = 256 * 1024
MAX_LOCK_FILE_BYTES = 4 * 1024 * 1024
MAX_REQUIREMENTS = 500

_SCRIPT_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""The reference expression of PEP 723."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What to install, and where that was written."""

    requirements: tuple[str, ...] = ()
    requires_python: str | None = None
    origin: str = ""
    """The file it was read from, relative to the code folder; empty when nothing is declared."""


@dataclass(frozen=True, slots=True)
class FastMCPConfig:
    """The part of a `fastmcp.json` that deploying needs: `source` and `environment`."""

    path: str | None
    object_name: str | None
    dependencies: Dependencies | None


def read_capped(path: Path, most: int = MAX_PROJECT_FILE_BYTES) -> str:
    """The text of a project file. Raises SourceError when it is too large or not UTF-8."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise SourceError(
            f"{path.name} is larger than {most // 1024} kB.",
            code="project_file_too_large",
            hint="Move data out of the project file.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{path.name} is not UTF-8 text (line {line}).",
            code="not_utf8",
            line=line,
            hint="Save the file as UTF-8.",
        ) from error


def script_dependencies(source: str, name: str) -> Dependencies | None:
    """The `# /// script` block of a Python file; None when it has none. Raises SourceError when it is broken."""
    blocks = [match for match in _SCRIPT_BLOCK.finditer(source) if match["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise SourceError(
            f"{name} has {len(blocks)} 'script' metadata blocks.",
            code="bad_script_metadata",
            line=source[: blocks[1].start()].count("\n") + 1,
            hint="PEP 723 allows one '# /// script' block in a file.",
        )
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in blocks[0]["content"].splitlines(keepends=True)
    )
    first_line = source[: blocks[0].start()].count("\n") + 1
    table = _toml(content, name, "bad_script_metadata", line_offset=first_line)
    return _dependencies(table, name)


def pyproject_dependencies(path: Path) -> Dependencies | None:
    """`[project]` of a pyproject.toml; None when it has no such table."""
    table = _toml(read_capped(path), path.name, "bad_pyproject").get("project")
    if not isinstance(table, dict):
        return None
    return _dependencies(table, path.name)


def requirements_file(path: Path) -> Dependencies:
    """The lines of a requirements.txt, joined and without comments. What a line may say is the build's to judge."""
    joined = re.sub(r"\\\r?\n", " ", read_capped(path))
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return Dependencies(_bounded([line for line in lines if line], path.name), origin=path.name)


def package_file(path: Path) -> str | None:
    """A `package.json` or its lock, as it is written; None where there is none. Raises SourceError."""
    if not path.is_file() or path.is_symlink():
        return None
    text = read_capped(path, MAX_LOCK_FILE_BYTES)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{path.name} is not valid JSON: {error}", code="bad_package_json", line=getattr(error, "lineno", None)
        ) from error
    if not isinstance(document, dict):
        raise SourceError(f"{path.name} is no JSON object.", code="bad_package_json")
    return text


def fastmcp_config(path: Path) -> FastMCPConfig:
    """A `fastmcp.json`. Unknown keys are ignored: the format is FastMCP's and grows there."""
    try:
        document = json.loads(read_capped(path))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise SourceError(
            f"fastmcp.json is not valid JSON: {error}",
            code="bad_fastmcp_json",
            line=line,
            hint="Correct the file, or remove it and pass the entrypoint yourself.",
        ) from error
    if not isinstance(document, dict):
        raise _bad_config("the document must be an object")
    source = document.get("source", document.get("entrypoint"))
    source_path, object_name = _config_source(source)
    return FastMCPConfig(source_path, object_name, _config_environment(document.get("environment"), path))


def _config_source(source: object) -> tuple[str | None, str | None]:
    if source is None:
        return None, None
    if isinstance(source, str):
        file, _, attribute = source.partition(":")
        return file, attribute or None
    if not isinstance(source, dict):
        raise _bad_config("'source' must be an object with a 'path'")
    kind = source.get("type", "filesystem")
    if kind != "filesystem":
        raise _bad_config(f"source type {kind!r} cannot be deployed; only 'filesystem' can")
    path: object = source.get("path", source.get("file"))
    name: object = source.get("entrypoint")
    if not isinstance(path, str) or not (name is None or isinstance(name, str)):
        raise _bad_config("'source.path' must be a string, and so must 'source.entrypoint' if it is given")
    return path, name


def _config_environment(environment: object, path: Path) -> Dependencies | None:
    if not isinstance(environment, dict):
        return None
    python = environment.get("python")
    requires_python = python if isinstance(python, str) and re.match(r"\s*[<>=!~]", python) else None
    declared = environment.get("dependencies")
    if isinstance(declared, list):
        return Dependencies(
            _strings(declared, path.name, "environment.dependencies"),
            requires_python,
            path.name,
        )
    named = environment.get("requirements")
    if isinstance(named, str):
        file = path.parent / named
        if Path(named).is_absolute() or ".." in Path(named).parts or not file.is_file() or file.is_symlink():
            raise _bad_config(f"'environment.requirements' names '{named}', which is not in the bundle")
        return Dependencies(requirements_file(file).requirements, requires_python, named)
    return None


def _dependencies(table: dict[str, object], origin: str) -> Dependencies:
    declared = table.get("dependencies", [])
    if not isinstance(declared, list):
        raise SourceError(
            f"'dependencies' in {origin} is not a list.",
            code="bad_dependencies",
            hint='Write it as a list of requirements, for example dependencies = ["httpx>=0.28"].',
        )
    python = table.get("requires-python")
    return Dependencies(
        _strings(declared, origin, "dependencies"),
        python if isinstance(python, str) else None,
        origin,
    )


def _strings(values: list[object], origin: str, key: str) -> tuple[str, ...]:
    strings = [value.strip() for value in values if isinstance(value, str)]
    if len(strings) != len(values):
        raise SourceError(
            f"'{key}' in {origin} holds something that is not a string.",
            code="bad_dependencies",
            hint='Each entry is a requirement such as "httpx>=0.28".',
        )
    return _bounded([line for line in strings if line], origin)


def _bounded(lines: list[str], origin: str) -> tuple[str, ...]:
    if len(lines) > MAX_REQUIREMENTS:
        raise SourceError(
            f"{origin} lists {len(lines)} requirements; at most {MAX_REQUIREMENTS} are installed.",
            code="too_many_requirements",
            hint="List only what the server imports itself: what those need is found by the lock.",
        )
    return tuple(lines)


def _toml(text: str, name: str, code: str, *, line_offset: int = 0) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) + line_offset if found else None
        raise SourceError(
            f"{name} holds broken TOML: {error}",
            code=code,
            line=line,
            hint="Correct the TOML.",
        ) from error


def _bad_config(what: str) -> SourceError:
    return SourceError(
        f"fastmcp.json: {what}.",
        code="bad_fastmcp_json",
        hint="Correct the file, or pass the entrypoint yourself: --entrypoint server.py",
    )
