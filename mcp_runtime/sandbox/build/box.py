"""One box of a build: an order goes in, a log and a result come out, and all three are bounded."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox.build.locks import PLATFORM_PACKAGES
from mcp_runtime.sandbox.build.log import BuildLog, explained
from mcp_runtime.sandbox.build.settings import BuildSettings
from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.guest.box import EGRESS_PORT, EGRESS_SOCKET
from mcp_runtime.sandbox.launchers.base import ExitReason, Handle, Launcher, LaunchError, SandboxSpec
from mcp_runtime.sandbox.node import NPM_INSIDE, PROGRAM_INSIDE
from mcp_runtime.sandbox.trees import BundleError

T = TypeVar("T")

_PROGRAM = Path("mcp_runtime/sandbox/guest/builder.py")
_UV_INSIDE = "/opt/uv"
_FOLDER_INSIDE = "/tmp/build"
_PYTHON_IN_IMAGES = "/usr/local/bin/python3"
"""Where the official Python images have it; boxes of namespaces have the host's, at its own path."""
_HOST_FAULT = 120
"""`guest.builder.FAILED`."""


class BuildBox:
    """Makes a new box for each phase of a build; nothing stays from one to the next."""

    def __init__(self, launcher: Launcher, egress: EgressProxy, settings: BuildSettings, log: BuildLog) -> None:
        self._launcher = launcher
        self._egress = egress
        self._settings = settings
        self._log = log

    async def run(self, read: Callable[[int], T], **order: object) -> T:
        """Carry out `order` (`guest.builder.Order`). `read` takes the result from a pipe, in a thread.

        Raises BuildFailed with what went wrong inside.
        """
        if self._launcher.level == "landlock":
            raise BuildFailed(
                "This host cannot build dependencies: its sandboxes have neither a network nor a place to write.",
                code="build_unavailable",
                hint="Ask your operator to allow user namespaces on the host, or deploy a server without dependencies.",
            )
        name = f"build-{secrets.token_hex(8)}"
        try:
            proxy = await self._egress.open(name, (), self._settings.hosts(), limits=self._settings.traffic)
        except (ValueError, OSError) as error:
            raise _unavailable(str(error)) from error
        try:
            if self._launcher.level != "none":
                inside = {"folder": _FOLDER_INSIDE, "uv": _UV_INSIDE, "node": PROGRAM_INSIDE, "npm": NPM_INSIDE}
                inside_proxy = {"proxy_socket": EGRESS_SOCKET, "proxy_port": EGRESS_PORT}
                return await self._run(read, proxy, inside | inside_proxy | order)
            with TemporaryDirectory(prefix="stoa-build-") as folder:
                node = self._settings.node
                outside = {"folder": folder, "uv": str(self._settings.uv)}
                if node is not None:
                    outside |= {"node": str(node.program), "npm": str(node.npm)}
                outside_proxy = {"proxy_socket": str(proxy), "proxy_port": 0}  # other boxes share the host's ports
                return await self._run(read, proxy, outside | outside_proxy | order)
        finally:
            await self._egress.close(name)

    async def _run(self, read: Callable[[int], T], proxy: Path, order: dict[str, object]) -> T:
        result, result_end = os.pipe()
        log, log_end = os.pipe()
        try:
            try:
                handle = await self._spawn(proxy, order, result_end, log_end)
            finally:
                os.close(result_end)
                os.close(log_end)
            with ThreadPoolExecutor(2, thread_name_prefix="build") as threads:
                loop = asyncio.get_running_loop()
                lines = loop.run_in_executor(threads, self._log.read, log)
                output = loop.run_in_executor(threads, read, result)
                for future in (lines, output):  # nobody looks at them when the build is given up
                    future.add_done_callback(lambda future: future.cancelled() or future.exception())
                try:
                    return await self._outcome(handle, output, lines)
                finally:
                    await handle.kill()  # both pipes end with the box, and with them the threads
        finally:
            os.close(result)
            os.close(log)

    async def _spawn(self, proxy: Path, order: dict[str, object], result_end: int, log_end: int) -> Handle:
        settings = self._settings
        certificates = settings.certificates
        whole = {
            "index_url": settings.index_url,
            "registry": settings.registry,
            "certificates": certificates.read_text() if certificates is not None else "",
            **order,
        }
        python = _PYTHON_IN_IMAGES if self._launcher.level == "container" else str(settings.python)
        stdin = _memory_file(msgspec.json.encode(whole))
        try:
            return await self._launcher.spawn(
                SandboxSpec(
                    runtime_dir=settings.runtime_dir,
                    limits=settings.limits,
                    egress_socket=proxy,
                    subprocess=True,
                    command=(python, "-I", "-S", "-B", str(settings.runtime_dir / _PROGRAM)),
                    command_env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"},
                    read_only=((settings.uv, str(order["uv"])), *self._node()),
                    stdin_fd=stdin,
                    stdout_fd=result_end,
                    stderr_fd=log_end,
                )
            )
        except LaunchError as error:
            raise _unavailable(str(error)) from error
        finally:
            os.close(stdin)

    def _node(self) -> tuple[tuple[Path, str], ...]:
        node = self._settings.node
        return () if node is None else ((node.program, PROGRAM_INSIDE), (node.npm, NPM_INSIDE))

    async def _outcome(self, handle: Handle, output: asyncio.Future[T], lines: asyncio.Future[None]) -> T:
        """The result, when the box ended well and said all that belongs to it."""
        await asyncio.wait((output, lines), return_when=asyncio.FIRST_EXCEPTION)
        fault = _fault(lines) or _fault(output)
        if fault is not None and fault.code != "truncated":  # else it is ending: how it ends says more
            await handle.kill()
        reason = await handle.wait()
        await asyncio.wait((output, lines))
        if fault is not None and fault.code != "truncated":
            raise _refused(fault, self._log.tail())
        if reason != ExitReason("exit", 0):
            if reason == ExitReason("exit", _HOST_FAULT):
                raise _unavailable(self._log.tail())
            raise explained(reason, self._log.tail(), PLATFORM_PACKAGES)
        if fault is not None:
            raise _refused(fault, self._log.tail())
        return output.result()


def _fault(future: asyncio.Future[T]) -> BundleError | BuildFailed | None:
    """What a strict reader has against the box, if it is done. Raises what is not about the box."""
    error = future.exception() if future.done() else None
    if error is None or isinstance(error, BundleError | BuildFailed):
        return error
    raise error


def _memory_file(content: bytes) -> int:
    """A descriptor at the start of `content`: a pipe might be too small for the certificates."""
    descriptor = os.memfd_create("order", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _refused(fault: BundleError | BuildFailed, tail: str) -> BuildFailed:
    """What the strict readers say of the box's output, as the deployer reads it."""
    if isinstance(fault, BuildFailed):
        return fault
    if fault.code == "too_large":
        message = fault.message.replace("The archive", "What the requirements install")
        return BuildFailed(message, code="too_large", hint="Require fewer or smaller packages.", detail=tail)
    return BuildFailed(
        f"A package holds something that cannot be installed: {fault.message}",
        hint="Require another version of the package.",
        detail=tail,
    )


def _unavailable(why: str) -> BuildFailed:
    return BuildFailed(
        "The platform could not start the build.",
        code="build_unavailable",
        hint="Try again. If it lasts, ask your operator: the detail says what failed.",
        detail=why,
    )
