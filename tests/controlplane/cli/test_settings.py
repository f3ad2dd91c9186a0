from __future__ import annotations

import json
from pathlib import Path

import pytest

from controlplane.cli import settings
from controlplane.cli.errors import CliError

DEMO = {
    "dashboard_url": "http://127.0.0.1:8000",
    "endpoint_url": "http://127.0.0.1:8000/t/demo/demo/mcp",
    "api_key": "stoa_demo",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    home = tmp_path / "checkout" / ".stoa"
    home.mkdir(parents=True)
    (home / "demo.json").write_text(json.dumps(DEMO))
    return home.parent


def test_the_demo_is_found_by_walking_up(checkout: Path) -> None:
    below = checkout / "examples" / "deep"
    below.mkdir(parents=True)

    found = settings.load(url=None, tenant=None, environ={}, cwd=below)

    assert found == settings.Settings("http://127.0.0.1:8000", "demo", "stoa_demo")


def test_a_home_that_is_set_comes_before_the_folders_above(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "other"
    home.mkdir()
    (home / "demo.json").write_text(json.dumps({**DEMO, "api_key": "stoa_other"}))

    found = settings.load(url=None, tenant=None, environ={"STOA_HOME": str(home)}, cwd=checkout)

    assert found.api_key == "stoa_other"


def test_the_environment_comes_before_the_demo_and_flags_before_both(checkout: Path) -> None:
    environ = {"STOA_URL": "https://mcp.example.com/", "STOA_API_KEY": "stoa_env", "STOA_TENANT": "acme"}

    found = settings.load(url=None, tenant="globex", environ=environ, cwd=checkout)

    assert found == settings.Settings("https://mcp.example.com", "globex", "stoa_env")


def test_the_demo_s_key_is_not_shown_to_another_platform(checkout: Path) -> None:
    with pytest.raises(CliError) as caught:
        settings.load(url="https://mcp.example.com", tenant="acme", environ={}, cwd=checkout)

    assert "No API key" in caught.value.message


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "STOA_URL"),
        ({"STOA_URL": "http://x"}, "STOA_API_KEY"),
        ({"STOA_URL": "http://x", "STOA_API_KEY": "k"}, "STOA_TENANT"),
        ({"STOA_URL": "x.example"}, "https://"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], missing: str
) -> None:
    monkeypatch.setattr(settings, "_places", lambda environ, cwd: iter(()))

    with pytest.raises(CliError) as caught:
        settings.load(url=None, tenant=None, environ=environ, cwd=tmp_path)

    assert missing in caught.value.hint
