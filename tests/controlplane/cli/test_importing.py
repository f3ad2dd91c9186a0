"""`stoa import` of settings that name nothing usable. What is taken over: tests/interop/test_commands.py."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from controlplane.cli import importing
from controlplane.cli.errors import CliError
from controlplane.cli.platform_api import Api
from controlplane.cli.settings import Settings


@pytest.fixture
def api() -> Api:
    """Of nobody: what is refused here asks no platform."""
    return Api(Settings("http://127.0.0.1:9", "acme", "stoa_x"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "names no servers"),
        ('{"mcpServers": {}}', "names no servers"),
        ('{"mcpServers": {"a": "npx x"}}', "names no servers"),
        ('{"mcp": {"servers": {"Some One": {"type": "stdio"}}}}', "Not imported: some-one"),
        ('{"servers": {"a": {"command": "/usr/bin/node", "args": ["x.js"]}}}', "Not imported: a"),
        ('{"servers": {"a": {"url": "https://x.example", "headers": {"a": "1", "b": "2"}}}}', "Not imported: a"),
    ],
)
def test_settings_that_name_nothing_usable_are_refused(api: Api, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "mcp.json").write_text(text)

    with pytest.raises(CliError, match=why):
        importing.import_settings(api, tmp_path / "mcp.json")


def test_a_file_that_is_not_there_is_named(api: Api, tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"mcp\.json cannot be read: No such file"):
        importing.import_settings(api, tmp_path / "mcp.json")


@pytest.mark.parametrize(
    ("text", "given", "why"),
    [
        ('{"name": "a/b", "packages": [{"registryType": "oci"}]}', (), "It is no server.json"),
        (
            '{"name": "a/b", "remotes": [{"type": "sse", "url": "https://{x}", "variables": {"x": {}}}]}',
            (),
            "values for: x",
        ),
        ('{"name": "a/b", "remotes": []}', ("A", "B"), "Standard input cannot be all of: A, B"),
        ('{"mcpServers": {"a": {"command": "npx"}}}', ("A=1",), "Only a server.json"),
    ],
)
def test_a_server_of_the_registry_that_cannot_be_taken_over_is_refused(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, given: tuple[str, ...], why: str
) -> None:
    (tmp_path / "server.json").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(CliError, match=why):
        importing.import_settings(api, tmp_path / "server.json", given=given)
