"""From the command line to a composition. What comes of it is shown by the guide's test."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.cli.composing import composed
from controlplane.cli.errors import CliError


def test_members_are_mounted_or_imported() -> None:
    assert composed(("weather", "news@3"), None, "always") == {
        "members": [{"server": "weather"}, {"server": "news", "pin": 3}],
        "prefix": "always",
    }


@pytest.mark.parametrize("text", ["members: []\n", '{"members": []}'])
def test_a_file_is_yaml_or_json(tmp_path: Path, text: str) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(text)

    assert composed((), file, None) == {"members": []}


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "!!python/object:os.system {}\n", "\x00"])
def test_a_file_that_holds_no_composition_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(text)

    with pytest.raises(CliError, match=r"all\.yaml"):
        composed((), file, None)


@pytest.mark.parametrize("member", ["news@x", "@3", "news@"])
def test_what_is_no_member_is_said(member: str) -> None:
    with pytest.raises(CliError, match="no member"):
        composed((member,), None, None)
