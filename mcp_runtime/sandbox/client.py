"""The gateway's (and the build task's) way to the sandboxes of this host: `ports.sandboxes.Sandboxes` over the runner.

Control messages go to the runner; calls go straight to the workers, over sockets that the runner handed out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mcp_runtime.ports.builds import BuildRequest, BuildResult, LineSink
from mcp_runtime.ports.credentials import Secrets
from mcp_runtime.ports.sandboxes import Asker, EventSink, LoadFailed, RunnerUnavailable
from mcp_runtime.ports.workers import Caller, Manifest, Worker
from mcp_runtime.sandbox import control
from mcp_runtime.sandbox.leases import WorkerSlot
from mcp_runtime.sandbox.line import RunnerLine

START_WAIT_SECONDS = 10.0
"""Deploys wait this long for a runner that is just being started; calls do not wait."""

M = TypeVar("M")


class RunnerClient:
    """One per process and event loop. `start` it before use."""

    def __init__(self, socket: Path, secrets: Secrets | None = None) -> None:
        self._line = RunnerLine(socket, on_lost=self._lost)
        self._secrets = secrets
        self._slots: dict[tuple[str, str, str], WorkerSlot] = {}

    async def start(self) -> None:
        """Connect, and stay connected. A runner that is not there yet is no error: calls say so until it is."""
        await self._line.start()

    async def aclose(self) -> None:
        """Release every worker and hang up. Idempotent."""
        for slot in list(self._slots.values()):
            slot.close()
        self._slots.clear()
        await self._line.aclose()

    async def call(
        self,
        worker: Worker,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """See `Sandboxes.call`."""
        key = (worker.tenant_id, worker.server_id, worker.revision_id)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = WorkerSlot(worker, self._line, self._secrets, lambda: self._slots.pop(key, None))
        return await slot.call(method, params, caller, on_event, asker)

    async def describe(self, worker: Worker) -> Manifest:
        """See `Sandboxes.describe`."""
        await self._line.ready(START_WAIT_SECONDS)
        environment: dict[str, str] = {}
        if self._secrets is not None:
            environment.update(await self._secrets.environment(worker.tenant_id, worker.server_id))
        answer = await self._line.ask(lambda request: control.Describe(request, worker, environment))
        raw = _expected(answer, control.Described).manifest
        try:
            return msgspec.json.decode(raw, type=Manifest)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise LoadFailed(f"The server describes itself in a way that cannot be read: {str(error)[:500]}") from None

    async def build(self, request: BuildRequest, on_line: LineSink) -> BuildResult:
        """Lock and install dependencies. Raises BuildFailed, or SandboxError when there is no runner to do it."""
        await self._line.ready(START_WAIT_SECONDS)
        answer = await self._line.ask(lambda number: control.Build(number, request), on_line=on_line)
        if isinstance(answer, control.Refused):
            raise control.build_error(answer.problem)
        return _expected(answer, control.Built).result

    async def status(self) -> dict[str, Any]:
        """Launcher, level, guarantees in force and missing, Landlock ABI, workers. Raises RunnerUnavailable."""
        return _expected(await self._line.ask(control.AskStatus), control.Status).report

    async def retire(self, server_id: str, *, keep: str | None = None) -> None:
        """Replace the workers of a server, on this host, as soon as what runs in them is over: after its secrets
        changed, or with `keep` naming the new revision after a deploy."""
        _expected(await self._line.ask(lambda request: control.Retire(request, server_id, keep)), control.Done)

    def _lost(self) -> None:
        for slot in list(self._slots.values()):
            slot.runner_lost()


def _expected(answer: control.Message, kind: type[M]) -> M:
    if isinstance(answer, kind):
        return answer
    if isinstance(answer, control.Refused):
        raise control.sandbox_error(answer.problem)
    raise RunnerUnavailable(f"The runner answered with {type(answer).__name__} instead of {kind.__name__}.")
