from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.registry.errors import SourceError
from controlplane.registry.sources import inspect

SERVER = "from fastmcp import FastMCP\nmcp = FastMCP('x')\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_json", ".json").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_an_explicit_entrypoint_wins(tmp_path: Path) -> None:
    write(tmp_path, server_py=SERVER, other_py=SERVER)

    source = inspect(tmp_path, "other.py:mcp")

    assert source.entrypoint == "other.py:mcp"


@pytest.mark.parametrize("entrypoint", ["../up.py", "/etc/x.py", "server.txt", "server.py:not a name", ""])
def test_an_entrypoint_that_leaves_the_bundle_or_is_no_python_file_is_refused(tmp_path: Path, entrypoint: str) -> None:
    write(tmp_path, readme_txt="x")

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path, entrypoint or None)

    assert caught.value.code in {"bad_entrypoint", "no_python_file"}
    assert caught.value.hint


def test_a_missing_entrypoint_names_the_files_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, weather_py=SERVER)

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path, "server.py")

    assert caught.value.code == "entrypoint_not_found"
    assert "weather.py" in caught.value.hint


def test_fastmcp_json_names_file_and_object(tmp_path: Path) -> None:
    write(tmp_path, server_py=SERVER, src__main_py=SERVER)
    (tmp_path / "fastmcp.json").write_text('{"source": {"path": "src/main.py", "entrypoint": "mcp"}}')

    source = inspect(tmp_path)

    assert source.entrypoint == "src/main.py:mcp"


def test_well_known_names_are_tried_in_order(tmp_path: Path) -> None:
    write(tmp_path, main_py=SERVER, app_py=SERVER, mcp_server_py=SERVER)

    source = inspect(tmp_path)

    assert source.entrypoint == "main.py"


def test_a_well_known_name_without_a_server_gives_way_to_the_file_that_creates_one(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        app_py="import os\n",
        weather_py="import fastmcp\nweather = fastmcp.FastMCP('w')\n",
    )

    source = inspect(tmp_path)

    assert source.entrypoint == "weather.py"


def test_two_files_that_create_servers_need_a_choice(tmp_path: Path) -> None:
    write(tmp_path, a_py=SERVER, b_py=SERVER)

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path)

    assert caught.value.code == "ambiguous_entrypoint"
    assert "--entrypoint a.py" in caught.value.hint


def test_a_bundle_of_one_folder_is_that_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        weather__server_py=SERVER,
        weather__requirements_txt="httpx>=0.28  # the client\n\n# no\n",
    )

    source = inspect(tmp_path)

    assert source.entrypoint == "weather/server.py"
    assert source.dependencies.requirements == ("httpx>=0.28",)


def test_a_syntax_error_has_its_line_and_a_hint(tmp_path: Path) -> None:
    write(tmp_path, server_py="from fastmcp import FastMCP\n\ndef broken(:\n    pass\n")

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path)

    assert caught.value.code == "syntax_error"
    assert caught.value.line == 3
    assert "def broken(:" in caught.value.detail
    assert caught.value.hint


def test_inline_script_metadata_is_stronger_than_requirements(tmp_path: Path) -> None:
    block = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "rich",\n# ]\n# ///\n'
    write(tmp_path, server_py=block + SERVER, requirements_txt="flask\n")

    dependencies = inspect(tmp_path).dependencies

    assert dependencies.requirements == ("rich",)
    assert dependencies.origin == "server.py"


def test_broken_script_metadata_names_the_line_of_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        server_py='"""doc"""\n# /// script\n# dependencies = [\n#   rich\n# ]\n# ///\n' + SERVER,
    )

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path)

    assert caught.value.code == "bad_script_metadata"
    assert caught.value.line == 4


def test_pyproject_dependencies_are_read(tmp_path: Path) -> None:
    write(tmp_path, server_py=SERVER)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["httpx", "rich>=13"]\n')

    dependencies = inspect(tmp_path).dependencies

    assert dependencies.requirements == ("httpx", "rich>=13")
    assert dependencies.origin == "pyproject.toml"


def test_a_python_version_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    write(tmp_path, server_py=SERVER)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nrequires-python = "<3.9"\n')

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path)

    assert caught.value.code == "python_mismatch"


def test_links_out_of_the_bundle_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(SERVER)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "server.py").symlink_to(outside)

    with pytest.raises(SourceError) as caught:
        inspect(bundle)

    assert caught.value.code == "no_python_file"


@pytest.mark.parametrize("text", ["(" * 9000, "-" * 200_000 + "1", "x = 1\0", "# coding: nope\n"])
def test_hostile_source_is_an_error_or_is_left_to_the_sandbox(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.py").write_text(text)

    try:
        outcome = inspect(tmp_path).entrypoint
    except SourceError as error:
        outcome = error.code

    assert outcome in {"syntax_error", "server.py"}


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '{"source": 3}',
        '{"source": {"type": "git", "path": "x.py"}}',
        "[" * 100_000,
    ],
)
def test_a_broken_fastmcp_json_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path, server_py=SERVER)
    (tmp_path / "fastmcp.json").write_text(text)

    with pytest.raises(SourceError) as caught:
        inspect(tmp_path)

    assert caught.value.code == "bad_fastmcp_json"
