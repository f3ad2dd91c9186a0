"""What an honest developer deploys."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from mcp_runtime.sandbox.bundle import unpack
from tests.mcp_runtime.sandbox.bundle.archives import entry, tar_gz, tarred, unpacked, zipped

PROJECT = {"server.py": "mcp = 1\n", "requirements.txt": "httpx\n", "weather/__init__.py": "", "data/größe.txt": "1"}
CONTENT = {name: text.encode() for name, text in PROJECT.items()}


def test_a_python_file_is_a_bundle_of_itself() -> None:
    bundle, files = unpacked(b"mcp = 1\n", "weather.py")

    assert files == {"weather.py": b"mcp = 1\n"}
    assert bundle.files == ("weather.py",)


def test_a_python_files_name_keeps_nothing_of_the_path_it_came_with() -> None:
    _, files = unpacked(b"mcp = 1\n", "../../etc/weather.py")

    assert list(files) == ["weather.py"]


def test_a_zip_unpacks_to_its_files() -> None:
    bundle, files = unpacked(zipped(PROJECT), "project.zip")

    assert files == CONTENT
    assert bundle.files == tuple(sorted(PROJECT))


def test_a_tar_gz_unpacks_to_its_files() -> None:
    _, files = unpacked(tarred(PROJECT), "project.tar.gz")

    assert files == CONTENT


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_common_form_of_tar_has_the_digest_of_the_zip(form: int) -> None:
    files = {**PROJECT, "a/" + "long-name-" * 8 + "/" + "b" * 60 + ".py": "x"}

    bundle, _ = unpacked(tarred(files, form=form), "project.tar.gz")

    assert bundle.digest == unpacked(zipped(files), "project.zip")[0].digest


def test_names_of_more_than_a_hundred_bytes_survive_in_gnu_and_pax_archives() -> None:
    name = "/".join(["folder-" * 10] * 3) + "/" + "n" * 150 + ".py"

    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        _, files = unpacked(tarred({name: "1", "b.py": "2"}, form=form), "a.tgz")

        assert set(files) == {name, "b.py"}


def test_the_digest_depends_on_contents() -> None:
    first, _ = unpacked(zipped({"a.py": "1"}), "a.zip")

    second, _ = unpacked(zipped({"a.py": "2"}), "a.zip")

    assert first.digest != second.digest


def test_the_digest_depends_on_names() -> None:
    first, _ = unpacked(zipped({"a.py": "1"}), "a.zip")

    second, _ = unpacked(zipped({"b.py": "1"}), "a.zip")

    assert first.digest != second.digest


def test_the_digest_does_not_depend_on_order_or_compression() -> None:
    first, _ = unpacked(zipped({"a.py": "1", "b.py": "2"}), "a.zip")

    second, _ = unpacked(zipped({"b.py": "2", "a.py": "1"}, method=zipfile.ZIP_STORED), "a.zip")

    assert first.digest == second.digest


def test_a_wrapping_folder_is_taken_off() -> None:
    wrapped = {f"project-main/{name}": text for name, text in PROJECT.items()}

    bundle, files = unpacked(zipped(wrapped), "project.zip")

    assert files == CONTENT
    assert bundle.wrapper == "project-main"
    assert bundle.digest == unpacked(tarred(PROJECT), "project.tar.gz")[0].digest


def test_a_folder_that_is_a_package_is_not_taken_off() -> None:
    bundle, files = unpacked(zipped({"weather/__init__.py": "", "weather/server.py": ""}), "a.zip")

    assert bundle.wrapper is None
    assert set(files) == {"weather/__init__.py", "weather/server.py"}


def test_a_folder_without_a_project_in_it_is_not_taken_off() -> None:
    bundle, files = unpacked(zipped({"src/weather/server.py": "", "src/weather/__init__.py": ""}), "a.zip")

    assert bundle.wrapper is None
    assert "src/weather/server.py" in files


def test_only_one_wrapping_folder_is_taken_off() -> None:
    bundle, files = unpacked(zipped({"a/b/server.py": "", "a/pyproject.toml": ""}), "a.zip")

    assert bundle.wrapper == "a"
    assert set(files) == {"b/server.py", "pyproject.toml"}


def test_what_macos_adds_is_left_out() -> None:
    extras = {"__MACOSX/._server.py": "x", "project/.DS_Store": "x", "project/._server.py": "x"}

    bundle, files = unpacked(zipped({"project/server.py": "1", **extras}), "a.zip")

    assert files == {"server.py": b"1"}
    assert bundle.wrapper == "project"


def test_folders_and_a_leading_dot_are_no_obstacle() -> None:
    folder = entry("./data", tarfile.DIRTYPE)
    dot = entry(".", tarfile.DIRTYPE)

    made = tar_gz([(dot, ""), (folder, ""), (entry("./data/a.txt"), "1"), (entry("./b.py"), "2")])
    _, files = unpacked(made, "a.tar.gz")

    assert files == {"data/a.txt": b"1", "b.py": b"2"}


def test_empty_folders_do_not_change_the_digest() -> None:
    with_folder = tar_gz([(entry("empty", tarfile.DIRTYPE), ""), (entry("a.py"), "1")])

    bundle, _ = unpacked(with_folder, "a.tar.gz")

    assert bundle.digest == unpacked(zipped({"a.py": "1"}), "a.zip")[0].digest


def test_files_are_readable_by_all_and_writable_by_none(tmp_path: Path) -> None:
    data = tmp_path / "a.zip"
    data.write_bytes(zipped({"run.sh": "x"}))
    before = os.umask(0o077)
    try:
        with data.open("rb") as file:
            unpack(file, "a.zip", tmp_path / "tree")
    finally:
        os.umask(before)

    assert (tmp_path / "tree" / "run.sh").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["tar", "czf", "{}", "."], "b.tar.gz"),
        (["tar", "--format=gnu", "-czf", "{}", "server.py", "data"], "b.tgz"),
        (["git", "archive", "--format=tar.gz", "-o", "{}", "HEAD"], "b.tar.gz"),
        (["git", "archive", "--format=zip", "--prefix=project-1/", "-o", "{}", "HEAD"], "b.zip"),
    ],
)
def test_archives_of_the_usual_tools_are_read(tmp_path: Path, command: list[str], name: str) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / "server.py").write_text("mcp = 1\n")
    (project / "data" / "a.json").write_text("{}")
    if command[0] == "git":
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        for step in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "First."]):
            subprocess.run(["git", *step], cwd=project, check=True)

    made = tmp_path / name
    subprocess.run([made if part == "{}" else part for part in command], cwd=project, check=True)
    _, files = unpacked(made.read_bytes(), name)

    assert files == {"server.py": b"mcp = 1\n", "data/a.json": b"{}"}


def test_archives_of_pythons_own_tool_are_read(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "server.py").write_text("mcp = 1\n")

    for form, suffix in (("zip", ".zip"), ("gztar", ".tar.gz")):
        made = Path(shutil.make_archive(str(tmp_path / "made"), form, tmp_path, "project"))

        assert unpacked(made.read_bytes(), f"made{suffix}")[1] == {"server.py": b"mcp = 1\n"}
