"""The container launcher against a stand-in for the engine: the command line, the meeting, the end."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_runtime.sandbox.guest.seccomp import ALLOWED
from mcp_runtime.sandbox.launchers.base import ExitReason, LaunchError, SandboxSpec
from mcp_runtime.sandbox.launchers.container import ContainerLauncher
from mcp_runtime.sandbox.launchers.container_profile import profile
from tests.mcp_runtime.sandbox.launchers.boxes import LIMITS, SHELL, Guest
from tests.support.waiting import wait_until_async

# A container's connection has whatever number it got.
CONTAINER_SHELL = SHELL.replace("fileno=3", "fileno=next(fd for fd in range(3, 64) if _is_socket(fd))").replace(
    "import socket\n",
    "import os, socket, stat\n"
    "def _is_socket(fd):\n"
    "    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)\n"
    "    except OSError: return False\n",
    1,
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
async def launcher(tmp_path: Path, state: Path) -> AsyncIterator[ContainerLauncher]:
    engine = tmp_path / "engine"
    script = Path(__file__).with_name("engine.py")
    engine.write_text(f'#!/bin/sh\nFAKE_ENGINE_STATE={state} exec {sys.executable} {script} "$@"\n')
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    launcher = ContainerLauncher(engine=str(engine), image="an-image")
    yield launcher
    await launcher.aclose()


@pytest.fixture
def spec(tmp_path: Path, runtime: Path) -> SandboxSpec:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "server.py").write_text(CONTAINER_SHELL)
    return SandboxSpec(runtime_dir=runtime, limits=LIMITS, code_dir=tmp_path / "code")


def containers(state: Path) -> list[Path]:
    return [path for path in state.iterdir() if path.suffix != ".pid"]


def created(state: Path) -> dict[str, list[str]]:
    """The options of the only container there is."""
    (container,) = containers(state)
    options: dict[str, list[str]] = json.loads(container.read_text())["options"]
    return options


async def test_a_container_is_closed_from_outside(launcher: ContainerLauncher, spec: SandboxSpec, state: Path) -> None:
    handle = await launcher.spawn(spec)

    options = created(state)

    assert options["--network"] == ["none"]
    assert "--read-only" in options
    assert options["--cap-drop"] == ["ALL"]
    assert options["--user"] == ["65532:65532"]
    assert "no-new-privileges" in options["--security-opt"]
    assert options["--memory"] == options["--memory-swap"] == [str(LIMITS.memory_mb * 2**20)]
    assert options["--pids-limit"] == [str(LIMITS.processes)]
    assert "noexec" in options["--tmpfs"][0]
    assert f"nr_inodes={LIMITS.tmp_inodes}" in options["--tmpfs"][0]
    assert all(mount.endswith(",readonly") for mount in options["--mount"])
    await handle.kill()
    assert handle.rpc is not None
    handle.rpc.close()


async def test_its_first_frame_is_hello_and_it_answers(launcher: ContainerLauncher, spec: SandboxSpec) -> None:
    handle = await launcher.spawn(spec)
    guest = Guest(handle)

    await guest.claim(TOKEN="of the tenant")
    answer = await guest.run("import os; answer = os.environ['TOKEN']")

    assert answer == "of the tenant"
    await handle.kill()
    assert handle.rpc is not None
    handle.rpc.close()


async def test_a_killed_container_is_removed(launcher: ContainerLauncher, spec: SandboxSpec, state: Path) -> None:
    handle = await launcher.spawn(spec)
    pid = handle.pid

    await handle.kill()
    await handle.kill()

    assert await handle.wait() == ExitReason("killed", signal.SIGKILL)
    assert not containers(state)
    await wait_until_async(lambda: not os.path.exists(f"/proc/{pid}"))
    assert handle.rpc is not None
    handle.rpc.close()


async def test_a_command_runs_in_place_of_the_guest(launcher: ContainerLauncher, spec: SandboxSpec) -> None:
    reading, writing = os.pipe()
    command = (sys.executable, "-I", "-S", "-c", "import os; print(os.environ['ONLY']); raise SystemExit(4)")

    handle = await launcher.spawn(
        dataclasses.replace(
            spec, command=command, command_env={"ONLY": "this"}, subprocess=True, stdout_fd=writing, code_dir=None
        )
    )
    os.close(writing)

    assert await handle.wait() == ExitReason("exit", 4)
    assert os.read(reading, 100) == b"this\n"
    os.close(reading)


async def test_containers_go_when_the_runner_is_killed(
    launcher: ContainerLauncher, spec: SandboxSpec, state: Path
) -> None:
    handle = await launcher.spawn(spec)
    assert launcher.watchdog is not None
    assert launcher.watchdog.stdin is not None

    launcher.watchdog.stdin.close()  # as the kernel does when the runner is killed

    await wait_until_async(lambda: not containers(state))
    await handle.wait()
    assert handle.rpc is not None
    handle.rpc.close()


async def test_without_an_engine_the_self_test_fails_with_a_remedy() -> None:
    launcher = ContainerLauncher(engine="/nonexistent/docker")

    report = await launcher.selftest()
    await launcher.aclose()

    assert not report.ok
    assert not report.guarantees
    assert any("engine" in line for line in report.details)


async def test_an_engine_that_does_not_answer_is_named(tmp_path: Path) -> None:
    engine = tmp_path / "docker"
    engine.write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
    engine.chmod(0o755)
    launcher = ContainerLauncher(engine=str(engine))

    with pytest.raises(LaunchError, match="Cannot connect to the daemon"):
        await launcher.start()


def test_the_profile_lets_an_unprivileged_platform_make_boxes() -> None:
    allowed, missing = profile()["syscalls"]

    assert set(allowed["names"]) >= ALLOWED | {"clone", "unshare", "mount", "pivot_root", "mount_setattr", "umount2"}
    assert not set(allowed["names"]) & {"ptrace", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "kexec_load"}
    assert "clone3" in missing["names"]
    assert missing["errnoRet"] == 38


def test_the_profile_can_be_written_down() -> None:
    command = [sys.executable, "-m", "mcp_runtime.sandbox.launchers.container_profile"]

    written = subprocess.run(command, capture_output=True, check=True).stdout

    assert json.loads(written) == profile()
