"""The first thing that runs in a box (SANDBOX 2.2): close it, say HELLO on descriptor 3, wait for the CLAIM, and only
then take the tenant's secrets and hand over to the worker.

A zygote calls `start` in its forked child. Where the box begins with a program (bubblewrap, a container), that
program is Python with this file, `-I -S` (no site, no .pth files, no PYTHON* variables), and the description of the
inside as its one argument.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any, Final, NoReturn

FAILED: Final = 70
"""Exit status of a box that could not be made; the frame before it says why."""

PROBE: Final = "probe"
"""Method of a CLAIM that wants the box attacked by `probe`, with no tenant's code in it."""


def start(sock: socket.socket, inside: Any) -> NoReturn:
    """Close the box and serve. `inside` is a `box.Inside`."""
    from mcp_runtime.sandbox.guest import frames, lockdown

    try:
        lockdown.close(inside)
    except lockdown.StepError as error:
        fail(sock, error.step, error.reason)
    sock.sendall(frames.encode(frames.Kind.HELLO))
    if inside.program is not None:
        _run(inside.program, sock)
    method, claim = _claimed(sock)
    if method == PROBE:
        from mcp_runtime.sandbox.guest import probe

        probe.run(sock, claim)
    _enter(inside, claim)
    from mcp_runtime.sandbox.guest import worker

    worker.run(sock, claim)
    os._exit(0)


def fail(sock: socket.socket, step: str, reason: str) -> NoReturn:
    """Tell the host why there is no box, and end."""
    from mcp_runtime.sandbox.guest import frames

    with contextlib.suppress(OSError):
        sock.sendall(frames.encode(frames.Kind.ERROR, 0, "", {"code": step, "message": reason}))
    os._exit(FAILED)


def _claimed(sock: socket.socket) -> tuple[str, dict[str, Any]]:
    """Method and payload of the CLAIM. Ends the process when the host goes away or says anything else."""
    import msgspec

    from mcp_runtime.sandbox.guest import frames

    length = int.from_bytes(_exactly(sock, 4), "big")
    if not 0 < length <= frames.MAX_FRAME:
        os._exit(FAILED)
    frame = frames.decode(_exactly(sock, length))
    if frame.kind != frames.Kind.CLAIM:
        os._exit(0 if frame.kind == frames.Kind.BYE else FAILED)
    return frame.method, msgspec.json.decode(frame.payload, type=dict[str, Any])


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _enter(inside: Any, claim: dict[str, Any]) -> None:
    """Environment and module path of the worker. The standard library and the runtime come before the tenant's
    folders, so that nothing of ours can be shadowed."""
    from mcp_runtime.sandbox.guest import box, limits

    os.environ.clear()
    os.environ.update(box.ENVIRONMENT)
    os.environ.update(limits.ENVIRONMENT)
    os.environ.update({str(name): str(value) for name, value in claim.get("env", {}).items()})
    sys.path[:] = [entry for entry in sys.path if entry != inside.runtime]
    sys.path.append(inside.runtime)
    sys.path += [folder for folder in (inside.app, inside.dependencies) if folder is not None]
    for folder in (inside.app, inside.dependencies):
        # Not the others: to list the library's folders again would cost time and unshare the zygote's memory.
        sys.path_importer_cache.pop(folder, None)
    claim["code"], claim["dependencies"] = inside.app, inside.dependencies
    if claim.get("egress"):
        from mcp_runtime.sandbox.guest import egress_forwarder

        egress_forwarder.serve(egress_forwarder.listen())
        for name, value in egress_forwarder.environment().items():
            os.environ.setdefault(name, value)


def _run(program: Any, sock: socket.socket) -> NoReturn:
    """Run a command in place of the guest. This process stays as its parent: it is the first of its pid namespace,
    whose signals have no default effect and whose orphans somebody must collect."""
    child = os.fork()
    if child == 0:
        sock.close()
        with contextlib.suppress(OSError):
            os.execve(program.argv[0], list(program.argv), dict(program.env))  # noqa: S606  # no shell is the point
        os._exit(127)
    for standard in range(3):
        os.close(standard)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _main() -> NoReturn:
    runtime = os.path.abspath(__file__).removesuffix("/mcp_runtime/sandbox/guest/boot.py")
    sys.path.append(runtime)
    import msgspec

    from mcp_runtime.sandbox.guest.box import Inside

    inside = msgspec.json.decode(sys.argv[1], type=Inside)
    sys.argv[1:] = []
    if inside.connect is None:
        sock = socket.socket(fileno=3)
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(inside.connect)
    start(sock, inside)


if __name__ == "__main__":
    _main()
