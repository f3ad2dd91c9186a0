"""The content-addressed store: entries appear whole, once, and are never changed."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.sandbox.bundle import BundleError
from mcp_runtime.sandbox.store import STALE_SECONDS, Store, discard
from mcp_runtime.sandbox.trees import tree_digest
from tests.mcp_runtime.sandbox.bundle.archives import tarred, zipped

FILES = {"server.py": "mcp = 1\n", "pkg/__init__.py": ""}
DIGEST = "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    store.prepare()
    yield store
    discard(store.root)  # pytest could not remove closed folders as an ordinary user


def test_code_is_kept_under_the_digest_of_its_content(store: Store) -> None:
    bundle = store.add_code(io.BytesIO(zipped(FILES)), "a.zip")

    assert store.path("code", bundle.digest).joinpath("server.py").read_text() == "mcp = 1\n"


def test_a_zip_and_a_tar_of_the_same_code_are_kept_once(store: Store) -> None:
    store.add_code(io.BytesIO(zipped(FILES)), "a.zip")

    store.add_code(io.BytesIO(tarred(FILES)), "a.tar.gz")

    assert len(list((store.root / "code").iterdir())) == 1


def test_what_is_there_is_not_touched_by_adding_it_again(store: Store) -> None:
    path = store.path("code", store.add_code(io.BytesIO(zipped(FILES)), "a.zip").digest)
    before = path.stat()

    store.add_code(io.BytesIO(zipped(FILES)), "a.zip")

    assert path.stat().st_ino == before.st_ino


def test_entries_are_readable_and_closed_and_what_is_above_them_cannot_be_listed(store: Store) -> None:
    path = store.path("code", store.add_code(io.BytesIO(zipped(FILES)), "a.zip").digest)

    modes = {stat.S_IMODE(found.stat().st_mode) for found in (path, path / "pkg")}

    assert modes == {0o555}
    assert stat.S_IMODE((path / "server.py").stat().st_mode) == 0o444
    assert {stat.S_IMODE(found.stat().st_mode) for found in (store.root, path.parent)} == {0o711}


def test_a_refused_bundle_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(BundleError):
        store.add_code(io.BytesIO(zipped({"../evil.py": "x"})), "a.zip")

    assert list((store.root / "code").iterdir()) == []


def test_a_bundle_is_kept_byte_for_byte(store: Store) -> None:
    data = zipped(FILES)

    digest = store.add_bundle(io.BytesIO(data))

    assert store.path("bundles", digest).read_bytes() == data
    assert stat.S_IMODE(store.path("bundles", digest).stat().st_mode) == 0o444


def test_a_bundle_that_is_too_large_is_refused_while_it_arrives(store: Store) -> None:
    with Path("/dev/zero").open("rb") as endless, pytest.raises(BundleError, match="50 MB"):
        store.add_bundle(endless)

    assert list((store.root / "bundles").iterdir()) == []


@pytest.mark.parametrize(
    "digest", ["", "..", "../../etc/passwd", "g" * 64, "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"]
)
def test_what_is_no_digest_names_no_path(store: Store, digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        store.path("code", digest)


def test_many_that_add_the_same_at_once_leave_one(store: Store) -> None:
    failures: list[BaseException] = []

    def add() -> None:
        try:
            store.add_code(io.BytesIO(zipped(FILES)), "a.zip")
        except BaseException as error:  # noqa: BLE001  # told in the assertion
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(list((store.root / "code").iterdir())) == 1


def test_what_a_dead_process_left_half_made_is_removed_when_it_is_old(store: Store) -> None:
    old, new = store.root / "code" / ".staging-old", store.root / "code" / ".staging-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "file").write_text("x")
    os.utime(old, (0, os.stat(old).st_mtime - STALE_SECONDS - 60))

    store.prepare()

    assert not old.exists()
    assert new.exists()


def test_a_process_that_is_killed_while_it_adds_leaves_no_entry(store: Store) -> None:
    program = (
        "import os, sys; from pathlib import Path; from mcp_runtime.sandbox import store as module;"
        "module._sync = lambda path: os._exit(9);"
        "store = module.Store(Path(sys.argv[1]));"
        "store.add_bundle(sys.stdin.buffer)"
    )

    ended = subprocess.run([sys.executable, "-c", program, str(store.root)], input=b"mcp = 1", check=False)

    assert ended.returncode == 9
    assert [entry for entry in (store.root / "bundles").iterdir() if not entry.name.startswith(".")] == []


def test_the_dependencies_of_a_lock_are_remembered_while_they_are_there(store: Store) -> None:
    with store.staging("dependencies") as staged:
        (staged / "tree").mkdir()
        (staged / "tree" / "a.py").write_text("1")
        digest = tree_digest([("a.py", DIGEST)])
        store.publish("dependencies", staged / "tree", digest)

    store.remember(DIGEST, digest)

    assert store.dependencies_of(DIGEST) == digest
    assert store.dependencies_of("1" * 64) is None


def test_the_dependencies_of_a_lock_are_forgotten_when_they_are_gone(store: Store) -> None:
    store.remember(DIGEST, "2" * 64)

    assert store.dependencies_of(DIGEST) is None
