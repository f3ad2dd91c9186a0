"""Attack a blank worker before any tenant's code runs in one, and report what held (SANDBOX 0.7).

Fail closed: a launcher that does not keep one of the promises it makes must not be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, get_args

import msgspec

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox import runtime_dir
from mcp_runtime.sandbox.guest import boot, frames
from mcp_runtime.sandbox.launchers.base import Guarantee, Handle, Launcher, LaunchError, SandboxSpec, SelfTest

ALL: Final[frozenset[Guarantee]] = frozenset(get_args(Guarantee))
_SECONDS: Final = 20.0
_HEADER: Final = 4

REMEDIES: Final[dict[str, str]] = {
    "cpu": "run where the memory, cpu and pids controllers are delegated (systemd: Delegate=yes), or as root",
    "inodes": "use the zygote launcher, whose /tmp has an inode limit",
    "processes": "run the runner with CAP_SETUID, so that each worker has a uid of its own",
}
"""How an operator gets a guarantee that is missing."""


class Testable(Launcher, Protocol):
    def notes(self) -> list[str]:
        """Lines on how this launcher keeps its promises on this host."""


async def attack(launcher: Testable, runtime: Path | None, landlock_abi: int) -> SelfTest:
    """Never raises for a weak host: the report says it. Without a `runtime` one is made for the occasion."""
    try:
        await launcher.start()
        with _targets() as (folder, targets):
            if runtime is None:
                runtime = await asyncio.get_running_loop().run_in_executor(None, runtime_dir.assemble, folder)
            found = await _probe(launcher, runtime, targets)
    except LaunchError as error:
        return report(launcher, landlock_abi, False, frozenset(), [f"{error.step}: {error.message}"])
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        return report(launcher, landlock_abi, False, frozenset(), [f"the blank worker did not answer: {error!r}"])
    escapes = {guarantee: lines for guarantee, lines in found.items() if lines and guarantee in launcher.guarantees}
    details = [f"{guarantee} does not hold: {line}" for guarantee, lines in escapes.items() for line in lines]
    held = launcher.guarantees - set(escapes)
    return report(launcher, landlock_abi, not escapes, held, details)


def report(launcher: Testable, landlock_abi: int, ok: bool, held: frozenset[Guarantee], details: list[str]) -> SelfTest:
    missing = ALL - held
    lines = [*details, *(launcher.notes() if held else [])]
    lines += [f"{name} is not guaranteed: {REMEDIES[name]}" for name in sorted(missing) if held and name in REMEDIES]
    return SelfTest(
        launcher=launcher.name,
        level=launcher.level,
        ok=ok,
        guarantees=held,
        missing=missing,
        landlock_abi=landlock_abi,
        details=tuple(lines),
    )


async def _probe(launcher: Testable, runtime: Path, targets: dict[str, object]) -> dict[Guarantee, list[str]]:
    """What the attacks could do, by guarantee."""
    limits = WorkerLimits()
    claim = {**targets, "runtime": str(runtime), "tmp_mb": limits.tmp_mb, "tmp_inodes": limits.tmp_inodes}
    handle = await launcher.spawn(SandboxSpec(runtime_dir=runtime, limits=limits))
    try:
        async with asyncio.timeout(_SECONDS):
            await _receive(handle)
            assert handle.rpc is not None
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(handle.rpc, frames.encode(frames.Kind.CLAIM, 0, boot.PROBE, claim))
            found: dict[Guarantee, list[str]] = msgspec.json.decode(
                (await _receive(handle)).payload, type=dict[Guarantee, list[str]]
            )
            await handle.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(handle.pid, 0)
                found.setdefault("killable", []).append("the worker lives on after kill")
    finally:
        await handle.kill()
        if handle.rpc is not None:
            handle.rpc.close()
    return found


async def _receive(handle: Handle) -> frames.Frame:
    assert handle.rpc is not None
    loop = asyncio.get_running_loop()
    header = await _exactly(loop, handle.rpc, _HEADER)
    length = int.from_bytes(header, "big")
    if not 0 < length <= frames.MAX_FRAME:
        raise OSError(f"a frame of {length} bytes")
    return frames.decode(await _exactly(loop, handle.rpc, length))


async def _exactly(loop: asyncio.AbstractEventLoop, sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await loop.sock_recv(sock, count - len(data))
        if not part:
            raise OSError("it ended")
        data += part
    return data


@contextlib.contextmanager
def _targets() -> Iterator[tuple[Path, dict[str, object]]]:
    """Things on the host that nobody inside may reach, though everybody outside could."""
    abstract = f"stoa-probe-{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory(prefix="stoa-probe-", ignore_cleanup_errors=True) as name,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as local,
    ):
        folder = Path(os.path.realpath(name))
        folder.chmod(0o755)
        canary = folder / "canary"
        canary.write_text("a file of the host")
        canary.chmod(0o644)
        local.bind("\0" + abstract)
        local.listen()
        yield (
            folder,
            {"canary": str(canary), "pid": os.getpid(), "port": tcp.getsockname()[1], "abstract": abstract},
        )
