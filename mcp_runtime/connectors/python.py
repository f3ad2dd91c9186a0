"""Members of kind `python`: a revision of uploaded code, run in a sandbox."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from mcp_runtime.connectors.failures import explain, pass_on
from mcp_runtime.ports.sandboxes import Asker, EventSink, SandboxError, Sandboxes, UpstreamError
from mcp_runtime.ports.workers import Caller, Worker


class PythonUpstream:
    """Calls one worker through the Sandboxes port."""

    kind: ClassVar = "python"

    __slots__ = ("_sandboxes", "_worker")

    def __init__(self, worker: Worker, sandboxes: Sandboxes) -> None:
        self._worker = worker
        self._sandboxes = sandboxes

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        try:
            return await self._sandboxes.call(
                self._worker, method, params, caller=caller, on_event=on_event, asker=asker
            )
        except SandboxError as error:
            raise explain(error, caller.request_id) from error
        except UpstreamError as error:
            raise pass_on(error) from None
