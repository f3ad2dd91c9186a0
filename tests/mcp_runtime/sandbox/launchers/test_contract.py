"""What every launcher owes whoever spawns a box with it (SANDBOX 2.6). The attacks are in tests/faults."""

from __future__ import annotations

import os
import signal
import socket
from glob import glob
from pathlib import Path

import msgspec
import pytest

from mcp_runtime.sandbox.launchers.base import ExitReason, LaunchError
from mcp_runtime.sandbox.launchers.layout import tree
from tests.mcp_runtime.sandbox.launchers.boxes import LAUNCHERS, LIMITS, Boxes, GuestError, launchers_here
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")
REFUSED = r"FileNotFoundError|PermissionError"


async def test_a_claimed_box_answers(boxes: Boxes) -> None:
    guest = await boxes.guest()

    answer = await guest.run("answer = 6 * 7")

    assert answer == 42


async def test_secrets_arrive_with_the_claim_and_nothing_else_does(boxes: Boxes) -> None:
    os.environ["STOA_TEST_CANARY"] = "of the platform"
    try:
        guest = await boxes.guest(env={"API_TOKEN": "of the tenant"})
    finally:
        del os.environ["STOA_TEST_CANARY"]

    environment = await guest.run("import os; answer = dict(os.environ)")

    assert environment["API_TOKEN"] == "of the tenant"
    assert environment["HOME"] == "/tmp"
    assert "STOA_TEST_CANARY" not in environment
    assert not {"SSH_AUTH_SOCK", "USER", "VIRTUAL_ENV", "PYTHONPATH"} & set(environment)


async def test_the_standard_library_and_the_runtime_come_before_the_tenants_code(boxes: Boxes) -> None:
    shadow = boxes.code("json.py", "raise RuntimeError('shadowed')")
    guest = await boxes.guest(dependencies_dir=shadow)

    path = await guest.run("import sys; answer = sys.path")
    runtime = await guest.run("import os, msgspec; answer = os.path.dirname(os.path.dirname(msgspec.__file__))")
    json = await guest.run("import json.tool; answer = json.__file__")

    assert path[-3] == runtime
    assert json.startswith(path[-4].removesuffix("/lib-dynload"))
    assert "-packages" not in " ".join(path)


async def test_a_file_of_the_host_is_out_of_reach(boxes: Boxes) -> None:
    canary = boxes.folder / "canary"
    canary.write_text("everybody outside may read this")
    guest = await boxes.guest()

    with pytest.raises(GuestError, match=REFUSED):
        await guest.run(f"answer = open({str(canary)!r}).read()")


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/status", "/proc/1/environ", "/sys/kernel", "/root"])
async def test_the_hosts_usual_places_are_out_of_reach(boxes: Boxes, path: str) -> None:
    guest = await boxes.guest()

    with pytest.raises(GuestError, match=REFUSED):
        await guest.run(
            f"import os; answer = os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}).read()"
        )


async def test_no_package_that_is_installed_on_the_host_can_be_read(boxes: Boxes) -> None:
    guest = await boxes.guest()
    hidden = tree(boxes.spec, boxes.launcher.interpreter, program=False).hidden
    files = [path for folder in hidden for path in glob(f"{folder}/**/*.py", recursive=True)][:20]

    readable = await guest.run(f"import os; answer = [path for path in {files!r} if os.access(path, os.F_OK)]")

    assert not readable or boxes.name == "landlock"
    for path in readable:
        with pytest.raises(GuestError, match="PermissionError"):
            await guest.run(f"open({path!r})")


async def test_a_file_of_the_host_keeps_its_mode_and_its_times(boxes: Boxes) -> None:
    canary = boxes.folder / "kept"
    canary.write_text("a file that the box's uid may even own")
    before = canary.stat()
    guest = await boxes.guest()

    for change in ("os.chmod(path, 0o777)", "os.utime(path, (1, 1))", "os.truncate(path, 0)", "os.unlink(path)"):
        with pytest.raises(GuestError, match=REFUSED):
            await guest.run(f"import os; path = {str(canary)!r}; {change}")

    assert canary.stat() == before


async def test_limits_of_the_hosts_processes_are_out_of_reach(boxes: Boxes) -> None:
    guest = await boxes.guest()

    for change in (
        f"resource.prlimit({os.getpid()}, resource.RLIMIT_NOFILE, (8, 8))",
        f"os.sched_setaffinity({os.getpid()}, {{0}})",
        f"os.setpriority(os.PRIO_PROCESS, {os.getpid()}, 19)",
    ):
        with pytest.raises(GuestError, match=r"PermissionError|ProcessLookupError"):
            await guest.run(f"import os, resource; {change}")


async def test_there_is_no_way_to_the_network(boxes: Boxes) -> None:
    guest = await boxes.guest()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(GuestError, match="Error"):
            await guest.run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 3)")


async def test_only_the_rpc_socket_is_open(boxes: Boxes) -> None:
    guest = await boxes.guest()

    descriptors = await guest.run(
        "import fcntl, resource\n"
        "answer = []\n"
        "for fd in range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]):\n"
        "    try: fcntl.fcntl(fd, fcntl.F_GETFD); answer.append(fd)\n"
        "    except OSError: pass"
    )

    assert descriptors == [0, 1, 2, 3]


async def test_no_process_can_be_started(boxes: Boxes) -> None:
    guest = await boxes.guest()

    with pytest.raises(GuestError, match="PermissionError"):
        await guest.run("import os; os.fork()")
    with pytest.raises(GuestError, match="PermissionError"):
        await guest.run("import os; os.execv('/bin/true', ['true'])")


async def test_threads_work_and_are_bounded(boxes: Boxes) -> None:
    guest = await boxes.guest(limits=msgspec.structs.replace(LIMITS, processes=20))

    started = await guest.run(
        "import threading\n"
        "stop, answer = threading.Event(), 0\n"
        "try:\n"
        "    for _ in range(400):\n"
        "        threading.Thread(target=stop.wait, daemon=True).start(); answer += 1\n"
        "except RuntimeError: pass\n"
        "stop.set()"
    )

    assert started >= 8
    assert started <= 20 or "processes" not in boxes.launcher.guarantees


async def test_a_box_that_takes_too_much_memory_is_held_or_ended(boxes: Boxes) -> None:
    guest = await boxes.guest()

    try:
        with pytest.raises(GuestError, match="MemoryError"):
            await guest.run("kept = [bytearray(2**20) for _ in range(2000)]")
    except EOFError:
        assert (await guest.handle.wait()).cause == "oom"


async def test_a_killed_box_is_gone_whatever_it_does(boxes: Boxes) -> None:
    guest = await boxes.guest()
    await guest.run("import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)")
    await guest.start("while True: pass")

    await guest.handle.kill()
    await guest.handle.kill()

    assert not lives(guest.handle.pid)
    assert await guest.handle.wait() == ExitReason("killed", signal.SIGKILL)


async def test_an_exit_status_is_told(boxes: Boxes) -> None:
    guest = await boxes.guest()

    await guest.start("import os; os._exit(7)")

    assert await guest.handle.wait() == ExitReason("exit", 7)
    assert await guest.handle.wait() == ExitReason("exit", 7)


async def test_a_crash_is_told_as_its_signal(boxes: Boxes) -> None:
    guest = await boxes.guest()

    await guest.start("import ctypes; ctypes.string_at(0)")

    assert await guest.handle.wait() == ExitReason("signal", signal.SIGSEGV)


async def test_a_box_that_the_filter_ends_is_told_as_such(boxes: Boxes) -> None:
    guest = await boxes.guest()

    # A filter for another machine, on top of the box's own: the next call is a foreign one.
    await guest.start(
        "from mcp_runtime.sandbox.guest import bpf, seccomp\nseccomp.install(bpf.pack(bpf.assemble(0, {}, bpf.ALLOW)))"
    )

    assert await guest.handle.wait() == ExitReason("seccomp", signal.SIGSYS)


async def test_what_a_box_prints_goes_to_the_descriptor_it_was_given(boxes: Boxes) -> None:
    reading, writing = os.pipe()
    guest = await boxes.guest(stdout_fd=writing, stderr_fd=writing)
    os.close(writing)

    await guest.run("import os; os.write(1, b'out '); os.write(2, b'err')")
    await guest.handle.kill()

    assert os.read(reading, 100) == b"out err"
    os.close(reading)


async def test_stats_tell_what_a_box_uses(boxes: Boxes) -> None:
    guest = await boxes.guest()
    await guest.run("import builtins; builtins.kept = bytearray(b'x') * (20 * 2**20)\nfor _ in range(10**6): pass")

    stats = guest.handle.stats()
    await guest.handle.kill()

    assert 20 * 2**20 < stats.rss_bytes < LIMITS.memory_mb * 2**20
    assert stats.cpu_seconds > 0
    assert stats.processes >= 1
    assert guest.handle.stats().cpu_seconds >= stats.cpu_seconds


async def test_a_box_leaves_nothing_behind_on_the_host(boxes: Boxes) -> None:
    first = await boxes.guest()
    await first.handle.kill()
    assert first.handle.rpc is not None
    first.handle.rpc.close()
    before = sorted(os.listdir("/proc/self/fd"))

    for _ in range(3):
        guest = await boxes.guest()
        await guest.handle.kill()
        assert guest.handle.rpc is not None
        guest.handle.rpc.close()

    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_a_missing_folder_is_named(boxes: Boxes) -> None:
    missing = boxes.folder / "never-made"

    with pytest.raises(LaunchError, match="never-made does not exist"):
        await boxes.guest(code_dir=missing)

    assert await (await boxes.guest()).run("answer = 1") == 1


async def test_a_lost_zygote_ends_its_boxes_and_the_next_start_brings_a_new_one(boxes: Boxes) -> None:
    guest = await boxes.guest()
    for pid in boxes.launcher.zygote_pids():
        os.kill(pid, signal.SIGKILL)

    await wait_until_async(lambda: not lives(guest.handle.pid))
    reason = await guest.handle.wait()

    assert reason.code == signal.SIGKILL
    assert await (await boxes.guest()).run("answer = 1") == 1


@pytest.mark.parametrize("name", launchers_here()[:1])
async def test_an_old_zygote_is_replaced_and_its_boxes_live_on(name: str, runtime: Path, open_folder: Path) -> None:
    boxes = Boxes(LAUNCHERS[name](zygote_forks=1), runtime, open_folder)
    try:
        old = await boxes.guest()
        first = boxes.launcher.zygote_pids()
        await (await boxes.guest()).handle.kill()

        await wait_until_async(lambda: set(boxes.launcher.zygote_pids()) - set(first))
        assert await old.run("answer = 1") == 1
        await old.handle.kill()

        await wait_until_async(lambda: first[0] not in boxes.launcher.zygote_pids())
    finally:
        await boxes.aclose()


async def test_the_self_test_passes_and_names_what_is_kept(boxes: Boxes) -> None:
    report = await boxes.launcher.selftest()

    assert report.ok, report.details
    assert {"files", "secrets", "network", "signals", "memory", "disk", "killable", "syscalls"} <= report.guarantees
    assert not report.guarantees & report.missing
    assert report.details


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
