from __future__ import annotations

import io
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from controlplane.cli import packing
from controlplane.cli.errors import CliError

SERVER = "from fastmcp import FastMCP\nmcp = FastMCP('x')\n"


def names(bundle: packing.Bundle) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(bundle.data)).namelist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "weather"
    folder.mkdir()
    (folder / "server.py").write_text(SERVER)
    return folder


def test_the_same_folder_makes_the_same_bytes(folder: Path) -> None:
    first = packing.pack(folder).data
    os.utime(folder / "server.py", (1, 1))
    (folder / "server.py").chmod(0o600)

    second = packing.pack(folder).data

    assert first == second


@pytest.mark.parametrize("secret", [".env", ".env.local", "prod.env", ".venv/x.py", ".git/config", "id_rsa", "a.pem"])
def test_secrets_and_environments_never_travel(folder: Path, secret: str) -> None:
    path = folder / "sub" / secret
    path.parent.mkdir(parents=True)
    path.write_text("SECRET=1")

    bundle = packing.pack(folder)

    assert names(bundle) == ["server.py"]


def test_a_virtual_environment_of_any_name_is_left_out(folder: Path) -> None:
    (folder / "my-python").mkdir()
    (folder / "my-python" / "pyvenv.cfg").write_text("home = /usr")
    (folder / "my-python" / "x.py").write_text("")

    assert names(packing.pack(folder)) == ["server.py"]


def test_in_a_work_tree_ignored_files_stay_at_home(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitignore").write_text("data/\n")
    (folder / "data").mkdir()
    (folder / "data" / "big.csv").write_text("1")

    assert names(packing.pack(folder)) == [".gitignore", "server.py"]


def test_a_tracked_env_file_still_does_not_travel(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".env").write_text("SECRET=1")
    subprocess.run(["git", "-C", str(folder), "add", "-f", ".env"], check=True)

    assert names(packing.pack(folder)) == ["server.py"]


def test_links_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")

    bundle = packing.pack(folder)

    assert names(bundle) == ["server.py"]
    assert bundle.skipped == ("link.txt",)


def test_a_file_that_is_too_large_is_named_before_the_upload(folder: Path) -> None:
    with (folder / "big.bin").open("wb") as file:
        file.truncate(packing.MAX_FILE_BYTES + 1)

    with pytest.raises(CliError) as caught:
        packing.pack(folder)

    assert "big.bin" in caught.value.message


def test_an_archive_is_sent_as_it_is(tmp_path: Path) -> None:
    archive = tmp_path / "weather.tar.gz"
    archive.write_bytes(b"\x1f\x8bnot really")

    bundle = packing.pack(archive)

    assert (bundle.file_name, bundle.data) == ("weather.tar.gz", b"\x1f\x8bnot really")


@pytest.mark.parametrize("path", ["nothing.py", "notes.txt"])
def test_what_cannot_be_deployed_is_refused_with_a_hint(tmp_path: Path, path: str) -> None:
    (tmp_path / "notes.txt").write_text("x")

    with pytest.raises(CliError) as caught:
        packing.pack(tmp_path / path)

    assert "folder" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("weather.py", "weather"),
        ("My_Server.py", "my-server"),
        ("weather/server.py", "weather"),
        ("weather.tar.gz", "weather"),
        ("Wétter 2.zip", "wetter-2"),
    ],
)
def test_the_server_is_named_after_the_file(tmp_path: Path, path: str, name: str) -> None:
    assert packing.default_name(tmp_path / path) == name
