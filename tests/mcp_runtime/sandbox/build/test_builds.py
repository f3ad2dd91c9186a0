"""Locking and installing, in real boxes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import random
import socket
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox.build.settings import PYPI, system_certificates
from mcp_runtime.sandbox.store import discard
from mcp_runtime.sandbox.trees import MIB, TreeLimits
from tests.mcp_runtime.sandbox.build.conftest import Workshop
from tests.mcp_runtime.sandbox.build.index import Index
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH = "0" * 64


async def test_nothing_required_needs_no_box(workshop: Workshop, index: Index) -> None:
    asked = len(index.asked)

    result = await workshop.build()

    assert (result.dependencies, result.lock) == (None, "")
    assert len(index.asked) == asked


async def test_the_framework_alone_needs_no_box(workshop: Workshop) -> None:
    result = await workshop.build("fastmcp>=2", "mcp")

    assert result.dependencies is None
    assert workshop.log == [
        "fastmcp is provided by the platform; it is not installed.",
        "mcp is provided by the platform; it is not installed.",
    ]


async def test_a_package_and_what_it_needs_are_locked_and_installed(workshop: Workshop, index: Index) -> None:
    index.add("gauge", "1.2", requires=["dial>=2"])
    index.add("dial", "2.0")
    index.add("dial", "1.0")

    result = await workshop.build("gauge")

    assert result.dependencies is not None
    installed = workshop.store.path("dependencies", result.dependencies)
    assert (installed / "gauge.py").read_text() == "version = '1.2'\n"
    assert (installed / "dial.py").read_text() == "version = '2.0'\n"
    assert "gauge==1.2 \\\n    --hash=sha256:" in result.lock
    assert "dial==2.0 \\\n" in result.lock
    assert any("gauge==1.2" in line for line in workshop.log)


async def test_bytecode_is_made_once_and_never_checked_against_times(workshop: Workshop, index: Index) -> None:
    index.add("clock", "1.0", {"clock/__init__.py": "hour = 1\n"})

    result = await workshop.build("clock")

    cache = workshop.store.path("dependencies", result.dependencies or "") / "clock" / "__pycache__"
    header = (cache / f"__init__.{sys.implementation.cache_tag}.pyc").read_bytes()[:8]
    assert int.from_bytes(header[4:], "little") == 0b01  # PEP 552: by hash, not checked


async def test_what_is_installed_is_readable_by_all_and_writable_by_none(workshop: Workshop, index: Index) -> None:
    index.add("modes", "1.0", {"modes/__init__.py": "", "modes/data/a.txt": "1"})

    result = await workshop.build("modes")

    found = workshop.store.path("dependencies", result.dependencies or "")
    modes = {(path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in (found, *found.rglob("*"))}
    assert modes == {(True, 0o555), (False, 0o444)}


async def test_the_same_lock_is_installed_once(workshop: Workshop, index: Index) -> None:
    index.add("once", "1.0")
    first = await workshop.build("once")

    second = await workshop.build("once", "fastmcp")

    assert second == first
    assert "These packages are installed already." in workshop.log


async def test_a_lock_is_all_that_a_rebuild_needs(workshop: Workshop, index: Index, tmp_path: Path) -> None:
    index.add("steady", "1.0")
    first = await workshop.build("steady")
    index.add("steady", "2.0")
    elsewhere = workshop.with_store(tmp_path / "store")

    second = await elsewhere.build("steady", lock=first.lock)

    assert second == first
    assert (elsewhere.store.path("dependencies", second.dependencies or "") / "steady.py").exists()
    discard(tmp_path / "store")


async def test_markers_that_do_not_apply_install_nothing(workshop: Workshop, index: Index) -> None:
    index.add("elsewhere", "1.0")

    result = await workshop.build("elsewhere; sys_platform == 'win32'")

    assert result.dependencies is None


async def test_the_framework_is_left_out_where_another_package_needs_it(workshop: Workshop, index: Index) -> None:
    index.add("fastmcp", "4.1.0", requires=["rich-cards"])
    index.add("rich_cards", "1.0")
    index.add("plugin", "1.0", requires=["fastmcp>=2"])

    result = await workshop.build("plugin")

    assert "fastmcp" not in result.lock
    assert "rich-cards==1.0" in result.lock


async def test_a_package_without_a_wheel_is_refused_and_its_code_does_not_run(workshop: Workshop, index: Index) -> None:
    index.add_source("ancient", "1.0")

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("ancient")

    assert failure.value.code == "no_wheel"
    assert "has a wheel" in failure.value.hint
    assert "ancient" in failure.value.detail
    assert not any("setup.py ran" in line for line in workshop.log)


async def test_an_unknown_package_is_named(workshop: Workshop) -> None:
    with pytest.raises(BuildFailed) as failure:
        await workshop.build("no-such-package")

    assert failure.value.code == "unknown_package"
    assert "no-such-package" in failure.value.detail


async def test_a_version_that_does_not_exist_is_named(workshop: Workshop, index: Index) -> None:
    index.add("young", "1.0")

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("young>=7")

    assert failure.value.code == "no_such_version"
    assert "young" in failure.value.detail


async def test_requirements_that_contradict_each_other_are_refused(workshop: Workshop, index: Index) -> None:
    index.add("base", "1.0")
    index.add("base", "2.0")
    index.add("left", "1.0", requires=["base<2"])
    index.add("right", "1.0", requires=["base>=2"])

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("left", "right")

    assert failure.value.code == "conflict"
    assert "left" in failure.value.detail


async def test_a_contradiction_to_the_platforms_own_packages_says_so(workshop: Workshop, index: Index) -> None:
    index.add("pydantic", "1.10.2")
    index.add("pydantic", importlib.metadata.version("pydantic"))

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("pydantic<2")

    assert failure.value.code in ("conflict", "no_such_version")
    assert "The platform itself runs pydantic" in failure.value.hint


async def test_a_file_other_than_the_locked_one_is_refused(workshop: Workshop, index: Index) -> None:
    index.add("swapped", "1.0")
    lock = f"swapped==1.0 \\\n    --hash=sha256:{HASH}\n"

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("swapped", lock=lock)

    assert failure.value.code == "bad_lock"


async def test_an_index_that_does_not_answer_is_named_as_the_cause(workshop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("anything", index_url=f"https://localhost:{port}/simple")

    assert failure.value.code == "index_unreachable"


async def test_an_index_with_a_foreign_certificate_is_not_trusted(workshop: Workshop, index: Index) -> None:
    index.add("foreign", "1.0")

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("foreign", certificates=None)

    assert failure.value.code == "index_unreachable"


@pytest.mark.parametrize("url", ["http://localhost/simple", "file:///srv/wheels", "https:///simple", ""])
async def test_an_index_that_cannot_be_reached_by_connect_is_refused(workshop: Workshop, url: str) -> None:
    with pytest.raises(BuildFailed) as failure:
        await workshop.build("anything", index_url=url)

    assert failure.value.code == "build_unavailable"
    assert "https://" in failure.value.detail


async def test_a_link_of_the_index_to_another_host_is_not_followed(workshop: Workshop, index: Index) -> None:
    file = "astray-1.0-py3-none-any.whl"
    index.links["astray"] = [f'<a href="https://evil.example/{file}#sha256={HASH}">{file}</a>']

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("astray")

    assert failure.value.code == "index_unreachable"


async def test_a_wheel_that_writes_outside_is_refused_or_stays_inside(workshop: Workshop, index: Index) -> None:
    index.add("escape", "1.0", {"../../../../tmp/escaped.py": "1", "escape.py": "1"})

    with contextlib.suppress(BuildFailed):
        await workshop.build("escape")

    assert not _exists("/tmp/escaped.py")


async def test_an_installation_of_too_many_bytes_is_refused(workshop: Workshop, index: Index) -> None:
    index.add("heavy", "1.0", {"heavy.bin": random.Random(1).randbytes(MIB)})

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("heavy", tree=TreeLimits(total_bytes=MIB // 2, portable=False))

    assert failure.value.code == "too_large"
    assert "Require fewer or smaller packages" in failure.value.hint


async def test_an_installation_of_too_many_files_is_refused(workshop: Workshop, index: Index) -> None:
    index.add("crowd", "1.0", {f"crowd/{number}.txt": "" for number in range(50)})

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("crowd", tree=TreeLimits(files=20, portable=False))

    assert failure.value.code == "too_large"


async def test_packages_that_do_not_fit_the_boxs_disk_are_refused(workshop: Workshop, index: Index) -> None:
    index.add("bulky", "1.0", {"bulky.bin": bytes(20 * MIB)})
    limits = workshop.settings.limits

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("bulky", limits=msgspec.structs.replace(limits, tmp_mb=8))

    assert failure.value.code == "too_large"


async def test_a_build_that_takes_too_long_is_ended(workshop: Workshop) -> None:
    with pytest.raises(BuildFailed) as failure:
        await workshop.build("slow", wall_seconds=3.0)

    assert failure.value.code == "timeout"
    await wait_until_async(lambda: not _boxes(workshop), 10)


async def test_a_cancelled_build_leaves_no_box(workshop: Workshop, index: Index) -> None:
    task = asyncio.create_task(workshop.build("slow"))
    asked = index.asked.count("/simple/slow/")
    await wait_until_async(lambda: index.asked.count("/simple/slow/") > asked, 30)

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert not _boxes(workshop)


async def test_a_failed_build_leaves_nothing_in_the_store(workshop: Workshop, index: Index, tmp_path: Path) -> None:
    index.add("failing", "1.0", {"failing.bin": random.Random(2).randbytes(MIB)})
    elsewhere = workshop.with_store(tmp_path / "store")

    with pytest.raises(BuildFailed):
        await elsewhere.build("failing", tree=TreeLimits(total_bytes=1000, portable=False))

    assert list((tmp_path / "store" / "dependencies").iterdir()) == []


async def test_a_hostile_line_is_refused_before_there_is_a_box(workshop: Workshop, index: Index) -> None:
    asked = len(index.asked)

    with pytest.raises(BuildFailed) as failure:
        await workshop.build("httpx", "--index-url https://evil.example/simple")

    assert failure.value.code == "bad_requirement"
    assert len(index.asked) == asked


async def test_builds_run_side_by_side(workshop: Workshop, index: Index) -> None:
    for name in ("north", "south"):
        index.add(name, "1.0")

    north, south = await asyncio.gather(workshop.build("north"), workshop.build("south"))

    assert north.dependencies != south.dependencies


async def test_a_wheel_of_the_public_index_is_installed(workshop: Workshop) -> None:
    result = await workshop.build("iniconfig==2.3.1", index_url=PYPI, certificates=system_certificates())

    installed = workshop.store.path("dependencies", result.dependencies or "")
    assert (installed / "iniconfig" / "__init__.py").exists()
    assert result.lock.startswith("iniconfig==2.3.1 \\\n    --hash=sha256:")


def _exists(path: str) -> bool:
    return Path(path).exists()


def _boxes(workshop: Workshop) -> list[str]:
    """Command lines of this workshop's boxes that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode(errors="replace"))
    return [line for line in found if str(workshop.settings.runtime_dir) in line and "builder.py" in line]
