"""What can happen to a platform: processes die or freeze, services are emptied or begun anew, the wire is cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.tasks.history import Healed, History, Injured
from tests.support import RunningPlatform, wait_until_async
from tests.support.wire import Wire

Fault = Callable[[], Awaitable[None]]
SILENCE_SECONDS = 15.0
"""Longer than clients wait for an answer."""
FREEZE_SECONDS = 28.0
"""Longer than a lease (`controlplane.tasks.leases`), and the sweep that finds it has run out."""


class Injuries:
    """Of one platform."""

    NAMES = (
        "gateway", "worker of tasks", "worker", "beat", "runner", "sandbox", "Redis restarted", "Redis emptied",
        "PostgreSQL restarted", "frozen worker", "wire cut", "wire silent",
    )  # fmt: skip

    def __init__(self, platform: RunningPlatform, wire: Wire, history: History, random: random.Random) -> None:
        self._platform = platform
        self._wire = wire
        self._history = history
        self._random = random
        faults: tuple[Fault, ...] = (
            self._killing("web"), self._killing("tasks"), self._killing("worker"), self._killing("beat"),
            self._killing("runner"), self._kill_sandbox, self._killing("redis"), self._empty_redis,
            self._restart_postgres, self._freeze_worker, self._cut, self._fall_silent,
        )  # fmt: skip
        self._faults = dict(zip(self.NAMES, faults, strict=True))

    async def inflict(self, name: str) -> None:
        """Returns when the fault itself is over; the platform may still be at repairing itself."""
        self._history.add(Injured(self._history.now(), name))
        await self._faults[name]()
        self._history.add(Healed(self._history.now(), name))

    def _killing(self, name: str) -> Fault:
        async def kill() -> None:
            await self._signal(name, signal.SIGKILL)

        return kill

    async def _restart_postgres(self) -> None:
        await self._signal("postgres", signal.SIGINT)  # its fast shutdown; `stoa up` starts it again

    async def _kill_sandbox(self) -> None:
        boxes = [pid for pid in descendants(await self._pid("runner")) if not children(pid)]
        if boxes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(boxes), signal.SIGKILL)

    async def _empty_redis(self) -> None:
        async with Redis.from_url(f"unix://{self._platform.home / 'run' / 'redis.sock'}") as redis:
            with contextlib.suppress(RedisError):  # it is being begun anew by another fault
                await redis.flushall()

    async def _freeze_worker(self) -> None:
        frozen = await self._pid("tasks")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(frozen, signal.SIGSTOP)
            await asyncio.sleep(FREEZE_SECONDS)
            os.killpg(frozen, signal.SIGCONT)

    async def _cut(self) -> None:
        self._wire.cut()

    async def _fall_silent(self) -> None:
        with self._wire.silent():
            await asyncio.sleep(SILENCE_SECONDS)

    async def _signal(self, name: str, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(await self._pid(name), number)

    async def _pid(self, name: str) -> int:
        """Waits where it is being started anew."""
        pid: int = await wait_until_async(lambda: processes(self._platform).get(name), 120)
        return pid


@contextlib.asynccontextmanager
async def second_worker(platform: RunningPlatform) -> AsyncIterator[None]:
    """One more worker of tasks, as an installation of two machines has it; begun again whenever it ends."""
    command, environment = started_as(processes(platform)["tasks"])
    command = [part.replace("--hostname=tasks@", "--hostname=second@") for part in command]
    keeping = asyncio.create_task(_keep(command, environment, platform.home))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


def started_as(pid: int) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a process."""
    folder = Path(f"/proc/{pid}")
    command, environment = ((folder / name).read_bytes().rstrip(b"\0") for name in ("cmdline", "environ"))
    pairs = (pair.decode().partition("=") for pair in environment.split(b"\0"))
    return [part.decode() for part in command.split(b"\0")], {name: value for name, _, value in pairs}


async def _keep(command: list[str], environment: dict[str, str], folder: Path) -> None:
    with (folder.parent / "second.log").open("ab") as log:
        while True:
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
            try:
                await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            await asyncio.sleep(1)


def processes(platform: RunningPlatform) -> dict[str, int]:
    """The processes of the platform that run now, by the names that `stoa up` gives them."""
    found: dict[str, int] = {}
    for ledger in (platform.home / "run").glob("processes-*.json"):
        with contextlib.suppress(FileNotFoundError):
            found |= {entry["name"]: entry["pid"] for entry in json.loads(ledger.read_text())}
    return found


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        threads = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return []


def descendants(pid: int) -> list[int]:
    return [one for child in children(pid) for one in (child, *descendants(child))]
