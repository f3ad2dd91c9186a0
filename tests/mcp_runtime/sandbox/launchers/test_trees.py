"""Boxes with a file tree of their own: /tmp, programs, the egress socket."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket

import pytest

from mcp_runtime.sandbox.launchers.base import ExitReason, Handle
from tests.mcp_runtime.sandbox.launchers.boxes import LIMITS, Boxes, GuestError
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_tmp_is_writable_and_full_at_its_limit(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()
    write = "open(f'/tmp/{n}', 'wb').write(b'x' * 2**20)"

    await guest.run(f"n = 0; {write}")

    with pytest.raises(GuestError, match="No space left"):
        await guest.run(f"for n in range(1, {LIMITS.tmp_mb + 1}): {write}")


async def test_a_file_is_cut_off_at_its_limit(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()

    with pytest.raises(GuestError, match="File too large"):
        await guest.run(f"open('/tmp/big', 'wb', buffering=0).write(b'x' * {LIMITS.file_mb * 2**20})\n" * 2
                        + "f = open('/tmp/big', 'ab', buffering=0); f.write(b'x')")  # fmt: skip


async def test_tmp_holds_a_limited_number_of_files(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()

    made = await guest.run(
        "answer = 0\ntry:\n    for n in range(500): open(f'/tmp/{n}', 'w').close(); answer += 1\nexcept OSError: pass"
    )

    assert made < LIMITS.tmp_inodes or "inodes" not in tree_boxes.launcher.guarantees


@pytest.mark.parametrize("place", ["/", "/app", "/deps", "/dev", "/usr", "/etc", "/run"])
async def test_nothing_but_tmp_can_be_written(tree_boxes: Boxes, place: str) -> None:
    guest = await tree_boxes.guest(dependencies_dir=tree_boxes.spec.code_dir)

    with pytest.raises(GuestError, match=r"Read-only|Permission denied|No such file"):
        await guest.run(f"open({place!r} + '/new', 'w')")


async def test_a_library_in_tmp_cannot_be_loaded(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()
    # bwrap cannot mount its tmpfs without the right to execute.
    allowed = tree_boxes.name == "bubblewrap"

    with contextlib.nullcontext() if allowed else pytest.raises(GuestError, match=r"failed to map|not permitted"):
        await guest.run(
            "import ctypes, shutil, _struct, sys, glob\n"
            "source = next(f for e in sys.path for f in glob.glob(e + '/*.so') + glob.glob(e + '/*/*.so'))\n"
            "shutil.copyfile(source, '/tmp/library.so')\n"
            "ctypes.CDLL('/tmp/library.so')"
        )


async def test_a_box_has_a_name_and_a_uid_of_no_meaning(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()

    name, uid, gid, groups = await guest.run(
        "import os; answer = [os.uname().nodename, os.getuid(), os.getgid(), os.getgroups()]"
    )

    assert name == "worker"
    assert (uid, gid) == (65532, 65532)
    assert set(groups) <= {65532, 65534}


async def test_no_interface_is_up_without_egress(tree_boxes: Boxes) -> None:
    guest = await tree_boxes.guest()

    names = await guest.run(
        "import os; answer = os.path.exists('/sys/class/net') or os.path.exists('/run/egress.sock')"
    )

    assert names is False


async def test_the_egress_socket_is_the_only_way_out(tree_boxes: Boxes) -> None:
    path = tree_boxes.folder / f"egress-{tree_boxes.name}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chmod(path, 0o666)
        listener.listen()
        listener.settimeout(20)
        guest = await tree_boxes.guest(egress_socket=path)

        await guest.run(
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/egress.sock'); s.sendall(b'out')"
        )
        connection, _ = listener.accept()

        assert connection.recv(3) == b"out"
        connection.close()
    heard = await guest.run(
        "import socket\n"
        "l = socket.socket(); l.bind(('127.0.0.1', 3128)); l.listen()\n"
        "c = socket.create_connection(('127.0.0.1', 3128)); c.sendall(b'in')\n"
        "answer = l.accept()[0].recv(2).decode()"
    )
    assert heard == "in"
    with pytest.raises(GuestError):
        await guest.run("import socket; socket.socket().bind(('127.0.0.1', 3129))")


async def run_command(
    boxes: Boxes, code: str, *, subprocess: bool = False, stdin: bytes = b""
) -> tuple[ExitReason, bytes]:
    """Python as a foreign program: its end, and what it printed."""
    reading, writing = os.pipe()
    given, giving = os.pipe()
    os.write(giving, stdin)
    os.close(giving)
    program = (boxes.launcher.interpreter.executable, "-I", "-S", "-c", code)
    spec = dataclasses.replace(
        boxes.spec, command=program, command_env={"ONLY": "this"}, subprocess=subprocess, code_dir=None,
        stdin_fd=given, stdout_fd=writing, stderr_fd=writing,
    )  # fmt: skip
    handle: Handle = await boxes.launcher.spawn(spec)
    os.close(writing)
    os.close(given)
    reason = await handle.wait()
    output = os.read(reading, 65536)
    os.close(reading)
    assert handle.rpc is None
    return reason, output


async def test_a_command_gets_its_streams_and_its_environment(tree_boxes: Boxes) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.environ.get('ONLY'), 'HOME' in os.environ); sys.exit(3)"

    reason, output = await run_command(tree_boxes, code, subprocess=True, stdin=b"hello")

    assert reason == ExitReason("exit", 3)
    assert output == b"hello this False\n"


async def test_a_command_may_start_programs_when_it_is_told_so(tree_boxes: Boxes) -> None:
    code = (
        "import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-I', '-S', '-c', 'print(1)'], capture_output=True).stdout)"
    )

    reason, output = await run_command(tree_boxes, code, subprocess=True)

    assert reason == ExitReason("exit", 0), output
    assert output == b"b'1\\n'\n"


async def test_a_commands_signal_is_told(tree_boxes: Boxes) -> None:
    reason, _ = await run_command(tree_boxes, "import os; os.kill(os.getpid(), 11)", subprocess=True)

    assert reason == ExitReason("signal", signal.SIGSEGV)


async def test_a_killed_command_takes_its_children_along(tree_boxes: Boxes) -> None:
    reading, writing = os.pipe()
    code = (
        "import os, signal, time\n"
        "for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: os.setsid(); break\n"
        "os.write(1, b'x')\n"
        "while True: time.sleep(1)"
    )
    program = (tree_boxes.launcher.interpreter.executable, "-I", "-S", "-c", code)
    spec = dataclasses.replace(tree_boxes.spec, command=program, subprocess=True, stdout_fd=writing)
    handle = await tree_boxes.launcher.spawn(spec)
    os.close(writing)
    os.set_blocking(reading, False)
    seen = bytearray()
    await wait_until_async(lambda: len(collect(reading, seen)) == 4)

    await handle.kill()

    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b"", "the pipe's other end is still open in some child"
    os.close(reading)


def collect(descriptor: int, into: bytearray) -> bytearray:
    with contextlib.suppress(BlockingIOError):
        into += os.read(descriptor, 100)
    return into


async def test_boxes_of_many_shapes_come_from_one_launcher(tree_boxes: Boxes) -> None:
    source = tree_boxes.code("data", "of the host")

    for number in range(20):
        guest = await tree_boxes.guest(read_only=((source, f"/opt/{number}"),))
        listed = await guest.run(f"import os; answer = os.listdir('/opt/{number}')")
        await guest.handle.kill()

        assert listed == ["data"]


async def test_one_boxs_mounts_are_not_in_another(tree_boxes: Boxes) -> None:
    source = tree_boxes.code("data", "of the first")
    first = await tree_boxes.guest(read_only=((source, "/opt/data"),))

    second = await tree_boxes.guest()

    assert await first.run("import os; answer = os.path.exists('/opt/data/data')")
    assert not await second.run("import os; answer = os.path.exists('/opt')")


async def test_a_host_with_a_tight_umask_makes_the_same_boxes(tree_boxes: Boxes) -> None:
    launcher = type(tree_boxes.launcher)()
    boxes = Boxes(launcher, tree_boxes.spec.runtime_dir, tree_boxes.folder)
    before = os.umask(0o077)
    try:
        await launcher.start()
        guest = await boxes.guest(code_dir=tree_boxes.spec.code_dir)
        assert await guest.run("import os; answer = os.listdir('/app')") == ["server.py"]
    finally:
        os.umask(before)
        await boxes.aclose()
