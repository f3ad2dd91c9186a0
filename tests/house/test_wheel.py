"""The wheel: what it holds, and that it works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path = Path("/"), **extra: str) -> str:
    environment = {**os.environ, "STOA_ENV": "development", "UV_LINK_MODE": "copy", **extra}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE"):
        environment.pop(name, None)
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", f"--out-dir={folder}", f"--python={sys.executable}", cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has the wheel and the locked versions of its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    locked = run(UV, "export", "--frozen", "--no-dev", "--no-group=local", "--no-emit-project", "--quiet", cwd=ROOT)
    (folder / "locked.txt").write_text(locked)
    run(UV, "venv", "--quiet", f"--python={sys.executable}", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", f"--python={python}", "--requirements", folder / "locked.txt")
    run(UV, "pip", "install", "--quiet", f"--python={python}", "--no-deps", wheel)
    return python


def test_it_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"controlplane", "tenants", "mcp_runtime"}


def test_it_brings_what_is_not_python(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert "controlplane/local/roles.sql" in names
    assert any(name.startswith("controlplane/_templates/html/") for name in names)
    assert any(name.startswith("controlplane/_templates/servers/demo") for name in names)


@pytest.mark.timeout(300)
def test_platform_is_pythons_own_where_it_is_installed(installed: Path) -> None:
    printed = run(installed, "-c", "import controlplane, platform; print(platform.__file__)")

    assert Path(printed.strip()).parent == Path(os.__file__).parent


@pytest.mark.timeout(300)
def test_django_finds_no_fault_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    said = run(
        installed, "-m", "django", "check", "--settings=controlplane.settings", cwd=tmp_path, STOA_HOME=str(tmp_path)
    )

    assert "no issues" in said


@pytest.mark.timeout(300)
def test_the_command_explains_itself_where_it_is_installed(installed: Path) -> None:
    printed = run(installed.with_name("stoa"), "--help")

    assert "deploy" in printed
