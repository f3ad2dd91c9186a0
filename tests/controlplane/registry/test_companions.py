"""Packages that came with FastMCP, and are imported without being required."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.registry.sources import inspect

SERVER = "from fastmcp import FastMCP\nmcp = FastMCP('x')\n"


def project(folder: Path, **files: str) -> tuple[str, ...]:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return inspect(folder).dependencies.requirements


@pytest.mark.parametrize("requirements", [None, "fastmcp\n", "fastmcp>=2.13,<3\npandas\n"])
def test_what_came_with_the_framework_and_is_imported_is_installed(tmp_path: Path, requirements: str | None) -> None:
    files = {} if requirements is None else {"requirements_txt": requirements}

    found = project(tmp_path, server_py=f"import httpx\nfrom cryptography.fernet import Fernet\n{SERVER}", **files)

    assert set(found) == {*(requirements or "").split(), "httpx", "cryptography"}


def test_what_another_file_imports_counts(tmp_path: Path) -> None:
    assert project(tmp_path, server_py=f"import helper\n{SERVER}", helper_py="def f():\n    import yaml\n") == (
        "pyyaml",
    )


def test_a_version_that_the_project_names_stays(tmp_path: Path) -> None:
    found = project(tmp_path, server_py=f"import httpx, jwt\n{SERVER}", requirements_txt="httpx==0.27\nPyJWT\n")

    assert found == ("httpx==0.27", "PyJWT")


def test_a_module_of_the_projects_own_is_not_installed(tmp_path: Path) -> None:
    assert project(tmp_path, server_py=f"import rich, yaml\n{SERVER}", rich_py="", yaml__more_py="") == ()


def test_an_import_that_may_fail_brings_nothing(tmp_path: Path) -> None:
    optional = "try:\n    import httpx\nexcept ImportError:\n    httpx = None\n"

    assert project(tmp_path, server_py=optional + SERVER) == ()


def test_other_packages_are_the_projects_to_name(tmp_path: Path) -> None:
    assert project(tmp_path, server_py=f"import json, pandas, fastmcp, mcp.types\n{SERVER}") == ()


def test_a_file_beside_the_server_that_does_not_parse_is_nobodys_concern(tmp_path: Path) -> None:
    assert project(tmp_path, server_py=f"import httpx\n{SERVER}", notes_py="this is no Python") == ("httpx",)
