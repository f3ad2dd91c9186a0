"""A box that was taken over, by a package that found a hole in uv: the host believes nothing that it says."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox.build import locks
from mcp_runtime.sandbox.build.log import MAX_LINE, MAX_LINES
from mcp_runtime.sandbox.store import discard
from mcp_runtime.sandbox.trees import MIB, TreeLimits
from tests.mcp_runtime.sandbox.build import hostile_builder
from tests.mcp_runtime.sandbox.build.conftest import Workshop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(
    workshop: Workshop, runtime: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Workshop]:
    """Builds in boxes that run another program than the builder."""
    folder = tmp_path_factory.mktemp("hostile") / "runtime"
    shutil.copytree(runtime, folder)
    folder.chmod(0o755)
    builder = folder / "mcp_runtime" / "sandbox" / "guest" / "builder.py"
    builder.parent.chmod(0o755)
    builder.unlink()
    shutil.copyfile(hostile_builder.__file__, builder)
    limits = msgspec.structs.replace(workshop.settings.limits, memory_mb=256, tmp_mb=16)
    tree = TreeLimits(files=1_000, total_bytes=32 * MIB, file_bytes=16 * MIB, portable=False)
    yield replace(workshop, settings=replace(workshop.settings, runtime_dir=folder, limits=limits, tree=tree))
    discard(folder)


@pytest.mark.parametrize("behaviour", ["lock-option", "lock-url", "lock-binary", "lock-escape", "lock-without-hash"])
async def test_a_lock_that_says_more_than_versions_and_hashes_is_refused(hostile: Workshop, behaviour: str) -> None:
    with pytest.raises(BuildFailed) as failure:
        await hostile.build(behaviour)

    assert failure.value.code == "bad_lock"
    assert failure.value.message.isprintable()


async def test_a_lock_without_end_is_cut(hostile: Workshop) -> None:
    with pytest.raises(BuildFailed) as failure:
        await hostile.build("lock-endless")

    assert failure.value.code == "too_large"


@pytest.mark.parametrize(
    "behaviour", ["symlink", "hardlink", "device", "traversal", "absolute", "twice", "more", "text", "endless-zeros"]
)
async def test_an_archive_with_anything_but_new_files_is_refused(hostile: Workshop, behaviour: str) -> None:
    with pytest.raises(BuildFailed, match="holds something that cannot be installed"):
        await hostile.build(behaviour)

    assert _stored(hostile) == []


@pytest.mark.parametrize("behaviour", ["no-end", "cut", "nothing"])
async def test_an_archive_that_is_cut_off_is_refused(hostile: Workshop, behaviour: str) -> None:
    with pytest.raises(BuildFailed, match="cut off"):
        await hostile.build(behaviour)

    assert _stored(hostile) == []


@pytest.mark.parametrize("behaviour", ["huge-claim", "endless-file", "endless-files"])
async def test_an_archive_without_end_is_cut(hostile: Workshop, behaviour: str) -> None:
    with pytest.raises(BuildFailed) as failure:
        await hostile.build(behaviour)

    assert failure.value.code == "too_large"
    assert _stored(hostile) == []


@pytest.mark.parametrize("behaviour", ["exit", "signal", "memory"])
async def test_a_box_that_dies_fails_the_build(hostile: Workshop, behaviour: str) -> None:
    with pytest.raises(BuildFailed) as failure:
        await hostile.build(behaviour)

    assert failure.value.hint
    assert _stored(hostile) == []


async def test_a_flood_of_log_lines_is_bounded_and_harmless_to_show(hostile: Workshop) -> None:
    with pytest.raises(BuildFailed) as failure:
        await hostile.build("noise")

    assert len(hostile.log) <= MAX_LINES + 10
    assert max(len(line) for line in hostile.log) <= MAX_LINE
    assert all(line.isprintable() for line in hostile.log)
    assert len(failure.value.detail.encode()) <= 8 * 1024


LOCK = f"one==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n"


async def test_a_lock_is_read_as_versions() -> None:
    marked = f'two==2.0 ; sys_platform == "linux" \\\n    --hash=sha256:{"2" * 64}\n'

    assert locks.check(LOCK + marked, {}) == {"one": "1.0", "two": "2.0"}


async def test_a_lock_that_contradicts_the_platform_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"the platform now runs 2\.0"):
        locks.check(LOCK, {"one": "2.0"})


@pytest.mark.parametrize(
    "line",
    ["-r other.txt", "one", "one>=1 \\", "one==1.0", "    --hash=md5:" + "0" * 32, "    --index-url https://e.example",
     "one @ https://e.example \\", "one==1.0 ; x --hash=sha256:0", "one==1.0\\", "# comment", "", "one==1 ; \\\\ \\"],
)  # fmt: skip
async def test_a_lock_with_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(BuildFailed) as failure:
        locks.check(f"{LOCK}{line}\n{LOCK}", {})

    assert failure.value.code == "bad_lock"


def _stored(workshop: Workshop) -> list[str]:
    """What boxes of `hostile_builder` left in the store. It would have to be called as its only file is."""
    return [
        entry.name
        for entry in (workshop.store.root / "dependencies").iterdir()
        if entry.name.startswith(".") or (entry / "a.py").exists() or (entry / "a.bin").exists()
    ]
