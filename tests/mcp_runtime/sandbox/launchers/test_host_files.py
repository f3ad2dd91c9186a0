"""What a launcher finds out about the host: interpreter, file tree, uids, control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest.box import Bind
from mcp_runtime.sandbox.launchers import cgroups, layout
from mcp_runtime.sandbox.launchers.base import LaunchError, SandboxSpec
from mcp_runtime.sandbox.launchers.cgroups import Group, Groups
from mcp_runtime.sandbox.launchers.interpreter import inspect, reachable, running
from mcp_runtime.sandbox.launchers.landlock import without
from mcp_runtime.sandbox.launchers.showcase import Showcase
from mcp_runtime.sandbox.launchers.uids import UidPool

SOMEBODY = 64_000
FIRST_TEST_UID = 3_000_000_000


def test_the_interpreter_of_a_virtual_environment_is_the_real_one() -> None:
    interpreter = running()

    assert not os.path.islink(interpreter.executable)
    assert "site-packages" not in " ".join(interpreter.path)
    assert any(Path(entry, "json", "__init__.py").exists() for entry in interpreter.path)


def test_a_program_that_is_no_python_is_named() -> None:
    with pytest.raises(LaunchError, match="/bin/true"):
        inspect("/bin/true")


def test_a_closed_folder_on_the_way_makes_a_path_unreachable(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:-1]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    file = tmp_path / "closed" / "file"
    file.parent.mkdir(mode=0o755)
    file.write_text("")
    file.chmod(0o644)

    before = reachable(file, SOMEBODY)
    file.parent.chmod(0o700)

    assert before
    assert not reachable(file, SOMEBODY)
    assert reachable(file.parent, SOMEBODY) is False


def test_the_tree_has_the_interpreter_only_for_programs(runtime: Path) -> None:
    spec = SandboxSpec(runtime_dir=runtime, limits=WorkerLimits())
    executable = running().executable

    forked = layout.tree(spec, running(), program=False)
    executed = layout.tree(spec, running(), program=True)

    assert executable not in {bind.target for bind in forked.binds}
    assert executable in {bind.target for bind in executed.binds}


def test_the_tree_has_no_home_no_shell_and_no_packages(runtime: Path) -> None:
    tree = layout.tree(SandboxSpec(runtime_dir=runtime, limits=WorkerLimits()), running(), program=True)

    targets = {bind.target for bind in tree.binds}
    inside = {
        path
        for bind in tree.binds
        for name in ("site-packages", "dist-packages")
        if (path := f"{bind.target}/{name}") and os.path.isdir(path)
    }

    assert not targets & {
        "/",
        "/usr",
        "/usr/bin",
        "/bin",
        "/etc",
        "/root",
        "/home",
        "/proc",
        "/sys",
        "/dev",
        "/var",
        "/tmp",
    }
    assert inside <= set(tree.hidden)


def test_code_dependencies_and_further_mounts_are_where_they_belong(tmp_path: Path, runtime: Path) -> None:
    spec = SandboxSpec(
        runtime_dir=runtime, limits=WorkerLimits(), code_dir=tmp_path / "code", dependencies_dir=tmp_path / "deps",
        egress_socket=tmp_path / "egress.sock", read_only=((tmp_path / "uv", "/opt/uv"),),
    )  # fmt: skip

    binds = layout.tree(spec, running(), program=False).binds

    assert Bind(str(tmp_path / "code"), "/app") in binds
    assert Bind(str(tmp_path / "deps"), "/deps") in binds
    assert Bind(str(tmp_path / "uv"), "/opt/uv") in binds
    assert Bind(str(tmp_path / "egress.sock"), "/run/egress.sock", program=False) in binds
    assert Bind(str(runtime), str(runtime)) in binds


def test_hidden_folders_are_listed_and_not_readable(tmp_path: Path) -> None:
    for path in ("lib/json", "lib/site-packages/pip", "other"):
        (tmp_path / path).mkdir(parents=True)

    listed, readable = without([f"{tmp_path}/lib", f"{tmp_path}/other"], (f"{tmp_path}/lib/site-packages",))

    assert listed == [f"{tmp_path}/lib"]
    assert sorted(readable) == [f"{tmp_path}/lib/json", f"{tmp_path}/other"]


def test_copies_have_names_that_cannot_be_listed_and_go_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "server.py").write_text("x = 1")
    showcase = Showcase()

    copy = showcase.show(tmp_path / "code")

    assert showcase.show(tmp_path / "code") == copy
    assert (copy / "server.py").read_text() == "x = 1"
    assert copy.parent.stat().st_mode & 0o777 == 0o711
    assert len(copy.name) == 32
    showcase.close()
    assert not copy.parent.exists()


def test_no_two_pools_of_a_host_give_the_same_uid() -> None:
    one, other = UidPool(FIRST_TEST_UID, 4), UidPool(FIRST_TEST_UID, 4)

    taken = [pool.take() for pool in (one, other, one, other)]

    assert len(set(taken)) == 4
    with pytest.raises(LaunchError, match="in use"):
        one.take()
    other.close()
    assert one.take() in taken
    one.close()


def test_groups_bound_what_they_can_and_leave_nothing() -> None:
    groups = cgroups.find()
    before = groups.controllers if groups is not None else frozenset()

    if groups is not None:
        group = groups.make("test", WorkerLimits(memory_mb=64))
        group.limit_cpu(WorkerLimits())
        assert group.pids() == []
        assert group.use().oom_kills == 0
        assert group.remove()
        groups.close()

    assert groups is None or "memory" in before
    assert not list(Path("/sys/fs/cgroup").glob(f"*/stoa-{os.getpid()}-*"))


def test_the_groups_of_a_runner_elsewhere_are_not_swept_away(tmp_path: Path) -> None:
    groups = Groups({"memory": tmp_path}, unified=False)
    (folder,) = tmp_path.iterdir()
    # As seen from another container, where the runner's process has another number or none.
    elsewhere = folder.rename(tmp_path / "stoa-4194305-abcdef01")

    newcomer = Groups({"memory": tmp_path}, unified=False)

    assert elsewhere.exists()
    newcomer.close()
    groups.close()


def test_the_groups_of_a_runner_that_was_killed_are_swept_away(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from mcp_runtime.sandbox.launchers.cgroups import Groups\n"
        "groups = Groups({'memory': pathlib.Path(sys.argv[1])}, unified=False)\n"
        "groups._folders['memory'].joinpath('box-1').mkdir()\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()

    groups = Groups({"memory": tmp_path}, unified=False)

    assert not left.exists()
    groups.close()
    assert list(tmp_path.iterdir()) == []


def test_version_2_limits_are_written_as_the_kernel_reads_them(tmp_path: Path) -> None:
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max", "cgroup.kill"):
        (tmp_path / name).write_text("")
    group = Group(dict.fromkeys(("memory", "cpu", "pids"), tmp_path), unified=True)

    group.limit(WorkerLimits(memory_mb=256, processes=128))
    group.limit_cpu(WorkerLimits(cpu_cores=0.5))
    group.kill()

    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {
        "memory.max": "268435456", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "128",
        "cpu.max": "50000 100000", "cgroup.kill": "1",
    }  # fmt: skip


def test_version_2_use_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("1048576\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (tmp_path / "pids.current").write_text("4\n")

    use = Group(dict.fromkeys(("memory", "cpu", "pids"), tmp_path), unified=True).use()

    assert use == cgroups.Use(memory_bytes=1_048_576, cpu_seconds=1.5, oom_kills=2, processes=4)
