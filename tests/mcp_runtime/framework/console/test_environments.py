"""What is installed before a server runs: `--with` and its like, and fastmcp.json (FASTMCP L-02)."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.framework.console.environments import EnvironmentFault, Wanted, check_python, of_configuration, prepare
from mcp_runtime.framework.console.main import main
from tests.support.names import real_packages_aside

pytestmark = pytest.mark.fastmcp("L-02")

SERVER = """
import greeting_words
from fastmcp import FastMCP
mcp = FastMCP(greeting_words.HELLO)
mcp.run = lambda transport, **options: print("ran", mcp.name)
"""


def wheel(folder: Path) -> Path:
    """A package `greeting_words` that no index knows."""
    files = {
        "greeting_words.py": b"HELLO = 'hi'\n",
        "greeting_words-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: greeting-words\nVersion: 1.0\n",
        "greeting_words-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for name, data in files.items()
    ]
    record = "greeting_words-1.0.dist-info/RECORD"
    path = folder / "greeting_words-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "greets.py").write_text(SERVER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    with real_packages_aside():
        yield tmp_path
    for name in ("greeting_words", "greets"):
        sys.modules.pop(name, None)


def test_a_package_named_on_the_command_line_is_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "greets.py", "--with", str(wheel(here)), "--with", "fastmcp>=2"]) == 0

    assert capsys.readouterr().out == "ran hi\n"


def test_requirements_are_read_from_a_file(here: Path) -> None:
    (here / "requirements.txt").write_text(f"# needed\n{wheel(here)}  # by hand\nfastmcp==2.14\n")

    assert main(["run", "greets.py", "--with-requirements", "requirements.txt"]) == 0


def test_a_project_brings_what_it_depends_on_and_its_own_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = here / "shop"
    (project / "src").mkdir(parents=True)
    (project / "src" / "greeting_words.py").write_text("HELLO = 'from the project'\n")
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\ndependencies = ["fastmcp"]\n')

    assert main(["run", "greets.py", "--project", "shop"]) == 0
    assert capsys.readouterr().out == "ran from the project\n"


def test_a_configuration_names_packages_unless_they_are_skipped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = {"source": {"path": "greets.py"}, "environment": {"dependencies": [str(wheel(here))]}}
    (here / "fastmcp.json").write_text(json.dumps(document))

    assert main(["run", "--skip-env"]) == 1
    assert "greeting_words" in capsys.readouterr().err
    assert main(["run", "fastmcp.json"]) == 0


def test_what_was_installed_is_found_again(here: Path) -> None:
    package = wheel(here)

    prepare(Wanted(packages=(str(package),)))
    first = sys.path[-1]
    prepare(Wanted(packages=(str(package),)))

    assert sys.path[-1] == first
    assert len(list((here / "cache" / "stoa" / "packages").iterdir())) == 1


def test_a_package_that_is_not_to_be_had_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "greets.py", "--with", "no-such-package-anywhere"]) == 1

    assert "no-such-package-anywhere could not be installed" in capsys.readouterr().err
    assert list((here / "cache" / "stoa" / "packages").iterdir()) == []


@pytest.mark.parametrize("wanted", [None, "3", f"3.{sys.version_info[1]}", ">=3.10", ">=3.10,<4", "python3"])
def test_this_python_will_do(wanted: str | None) -> None:
    check_python(wanted)


@pytest.mark.parametrize("wanted", ["2.7", "3.1", "3.99", "<3.10", "pypy"])
def test_another_python_is_refused(wanted: str) -> None:
    with pytest.raises(EnvironmentFault, match="This is Python"):
        check_python(wanted)


@pytest.mark.parametrize(
    "environment", ["uv", {"type": "docker"}, {"dependencies": [1]}, {"requirements": "none.txt"}, {"project": "gone"}]
)
def test_an_environment_that_cannot_be_is_refused(environment: object, here: Path) -> None:
    with pytest.raises(EnvironmentFault):
        prepare(of_configuration(environment, here))


def test_options_in_a_requirements_file_are_refused(here: Path) -> None:
    (here / "requirements.txt").write_text("--index-url https://example.com\n")

    with pytest.raises(EnvironmentFault, match="--index-url"):
        prepare(Wanted(files=(here / "requirements.txt",)))
