"""The zygote: a process that imported the runtime once and forks a box for each order (SANDBOX 0, 2.2).

It never has a secret: it starts with an empty environment and one socket, the control pair, in namespaces of its own.
It is single-threaded, reads nothing but orders, and ends when its host does; the pid namespace it is the first process
of then takes every box with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from mcp_runtime.sandbox.guest.box import Order, Report, Zygote

_CONTROL: Final = 3
_MAX_ORDER: Final = 192 * 1024
_MAX_DESCRIPTORS: Final = 16


class Server:
    """Takes orders from `control` until the host goes away, and reports what becomes of the children."""

    def __init__(self, control: socket.socket) -> None:
        import msgspec

        from mcp_runtime.sandbox.guest.box import Order
        from mcp_runtime.sandbox.guest.mounts import Templates

        self._templates = Templates()
        self._control = control
        self._decoder = msgspec.json.Decoder(Order)
        self._encoder = msgspec.json.Encoder()
        self._children: dict[int, int] = {}
        self._waking, self._waked = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def run(self) -> NoReturn:
        from mcp_runtime.sandbox.guest.box import Report

        signal.set_wakeup_fd(self._waked, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._waking, select.POLLIN)
        self._report(Report(id=0))
        while True:
            ready = {fd for fd, _ in poller.poll()}
            if self._waking in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._waking, 4096)
                self._reap()
            if self._control.fileno() in ready:
                self._take()

    def _take(self) -> None:
        from mcp_runtime.sandbox.guest.box import Report

        flags = socket.MSG_CMSG_CLOEXEC
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MAX_ORDER, _MAX_DESCRIPTORS, flags)
        except ConnectionResetError:
            message = b""
        if not message:
            os._exit(0)  # The host has gone.
        order = self._decoder.decode(message)
        try:
            self._fork(order, descriptors)
        except OSError as error:
            self._report(Report(id=order.id, error=f"{error.filename or 'fork'}: {error}"))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork(self, order: Order, descriptors: list[int]) -> None:
        from mcp_runtime.sandbox.guest import kernel
        from mcp_runtime.sandbox.guest.box import Report

        # The next child is to be the first process of a new pid namespace. Made here, it takes one fork; made in the
        # child it would take two.
        separate = order.namespaces is not None
        template = self._templates.path(order.namespaces) if order.namespaces is not None else ""
        if separate:
            kernel.unshare(kernel.CLONE_NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if separate and pid != 0:
                kernel.setns(self._own_pids, kernel.CLONE_NEWPID)
        if pid == 0:
            self._become(order, template, descriptors)
        self._children[pid] = order.id
        pidfd = os.pidfd_open(pid)
        try:
            self._report(Report(id=order.id), pidfd)
        finally:
            os.close(pidfd)

    def _become(self, order: Order, template: str, descriptors: list[int]) -> NoReturn:
        """In the child: make the box, close it, serve. Nothing may return into the zygote's loop."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            make_box(order, template, descriptors)
        except BaseException:  # noqa: BLE001  # whatever it was, it must not return into the zygote
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)

    def _reap(self) -> None:
        from mcp_runtime.sandbox.guest.box import Report

        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            order = self._children.pop(ended.si_pid, None)
            if order is not None:
                # Whatever it left behind in its session, while its number cannot be somebody else's yet.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            if order is not None:
                self._report(Report(id=order, status=status))

    def _report(self, report: Report, descriptor: int | None = None) -> None:
        message = self._encoder.encode(report)
        try:
            if descriptor is None:
                self._control.send(message)
            else:
                socket.send_fds(self._control, [message], [descriptor])
        except OSError:
            os._exit(0)  # The host has gone.


def make_box(order: Order, template: str, descriptors: list[int]) -> NoReturn:
    """Become the box that `order` describes. Failures go to the host over the box's own socket."""
    from mcp_runtime.sandbox.guest import boot, lockdown

    fds: dict[str, list[int]] = {}
    for name, descriptor in zip(order.fds, descriptors, strict=True):
        fds.setdefault(name, []).append(descriptor)
    report_to = socket.socket(fileno=os.dup(fds["rpc"][0]))
    try:
        if order.wrapper is not None:
            lockdown.run_wrapper(order, order.wrapper, fds)
        elif order.namespaces is not None:
            lockdown.make_namespaces(order, order.namespaces, template, fds)
        else:
            lockdown.make_plain(order, fds)
    except lockdown.StepError as error:
        boot.fail(report_to, error.step, error.reason)
    report_to.detach()
    boot.start(socket.socket(fileno=lockdown.RPC), order.inside)


def _main() -> NoReturn:
    runtime = os.path.abspath(__file__).removesuffix("/mcp_runtime/sandbox/guest/zygote.py")
    sys.path.append(runtime)
    gc.disable()
    import msgspec

    from mcp_runtime.sandbox.guest import box, kernel, lockdown

    options = msgspec.json.decode(sys.argv[1], type=box.Zygote)
    sys.argv[1:] = []
    os.dup2(options.control, _CONTROL, inheritable=False)
    os.closerange(_CONTROL + 1, os.sysconf("SC_OPEN_MAX"))
    with contextlib.suppress(PermissionError):
        os.setsid()  # Out of the host's terminal: Ctrl-C is the host's to handle.
    lockdown.die_with(options.host)
    if options.isolation == "none":
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    else:
        _isolate(options)
    if options.preload:
        from mcp_runtime.sandbox.guest import preload

        preload.everything()
    server = Server(socket.socket(fileno=_CONTROL))
    # What is there now stays shared with every child: the collector must not touch it. Not even to collect it first:
    # children would fill the holes, and each hole is in a page that they share as long as they only read it.
    gc.freeze()
    server.run()


def _isolate(options: Zygote) -> None:
    """Namespaces of the zygote's own. Returns in their first process; its parent stays behind to die with the host."""
    from mcp_runtime.sandbox.guest import kernel, lockdown
    from mcp_runtime.sandbox.guest.box import HOSTNAME

    apart = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNET
    uid, gid = os.getuid(), os.getgid()
    if options.isolation == "user":
        kernel.unshare(apart | kernel.CLONE_NEWUSER)
        lockdown.map_ids(uid, gid)
    else:
        kernel.unshare(apart)
    # New mounts of the host still come in, none go out.
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    socket.sethostname(HOSTNAME)
    child = os.fork()
    if child == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        # Our own processes only, under the numbers they have here: bwrap looks its children up. Where containers
        # cover parts of /proc this is refused, and the host's stays.
        with contextlib.suppress(OSError):
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        return
    os.closerange(_CONTROL, os.sysconf("SC_OPEN_MAX"))
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    _main()
