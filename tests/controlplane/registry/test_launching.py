"""Commands that name their package: what becomes of `npx …` and `uvx …`."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from controlplane.registry.errors import InvalidCommand
from controlplane.registry.launching import package


def _file(bundle: bytes) -> tuple[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        [name] = archive.namelist()
        return name, archive.read(name).decode()


@pytest.mark.parametrize(
    ("command", "dependencies", "runs"),
    [
        ("npx -y @acme/notes", {"@acme/notes": "latest"}, "notes"),
        ("npx notes@2.1.0 --quiet 'a b'", {"notes": "2.1.0"}, "notes --quiet 'a b'"),
        ("npx --yes -- notes@^2 -y", {"notes": "^2"}, "notes -y"),
        ("npx -p @acme/notes -p zod@4 serve --port 0", {"@acme/notes": "latest", "zod": "4"}, "serve --port 0"),
        ("npx --package=@acme/notes@next serve", {"@acme/notes": "next"}, "serve"),
    ],
)
def test_npx_becomes_a_package_json(command: str, dependencies: dict[str, str], runs: str) -> None:
    made = package(command)

    name, text = _file(made.bundle)
    assert (name, json.loads(text)) == ("package.json", {"dependencies": dependencies})
    assert made.command == runs


@pytest.mark.parametrize(
    ("command", "lines", "runs"),
    [
        ("uvx mcp-server-time", ["mcp-server-time"], "mcp-server-time"),
        (
            "uvx mcp-server-time@2026.1.26 --local-timezone UTC",
            ["mcp-server-time==2026.1.26"],
            "mcp-server-time --local-timezone UTC",
        ),
        ("uvx notes@latest", ["notes"], "notes"),
        ("uvx notes[rich]@2", ["notes[rich]==2"], "notes"),
        ("uvx --from 'acme-notes>=2' --with httpx notes -v", ["acme-notes>=2", "httpx"], "notes -v"),
    ],
)
def test_uvx_becomes_requirements(command: str, lines: list[str], runs: str) -> None:
    made = package(command)

    name, text = _file(made.bundle)
    assert (name, text.splitlines()) == ("requirements.txt", lines)
    assert made.command == runs


def test_the_same_command_makes_the_same_bytes() -> None:
    assert package("npx -y @acme/notes").bundle == package("npx -y @acme/notes").bundle


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "begins with npx or uvx"),
        ("python server.py", "begins with npx or uvx"),
        ("npx", "names no package"),
        ("npx -y", "names no package"),
        ("npx --package", "means nothing here"),
        ("npx -c 'rm -rf /'", "'npx -c' means nothing here"),
        ("npx github:acme/notes", "no package of npm"),
        ("npx ./notes", "no package of npm"),
        ("npx https://example.com/notes.tgz", "no package of npm"),
        ("uvx --python 3.9 notes", "'uvx --python' means nothing here"),
        ("uvx ./notes", "no package of PyPI"),
        ("uvx --from git+https://example.com/notes notes", "no package of PyPI"),
        ("uvx --from 'notes @ https://example.com/notes.whl' notes", "is an address"),
        ("uvx 'notes", "cannot be read"),
    ],
)
def test_what_names_no_package_of_a_registry_is_refused(command: str, why: str) -> None:
    with pytest.raises(InvalidCommand, match=why):
        package(command)
