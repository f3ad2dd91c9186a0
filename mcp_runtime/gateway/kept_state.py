"""The state that workers have kept for them (see `ports.state`), between the sandboxes and whoever calls them."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from mcp_runtime.ports.sandboxes import Asker, EventSink, Sandboxes, UpstreamError
from mcp_runtime.ports.sessions import SessionsUnavailable
from mcp_runtime.ports.state import MAX_STATE_BYTES, STATE_DELETE, STATE_GET, STATE_PUT, KeptStates
from mcp_runtime.ports.workers import Caller, Manifest, Worker

MAX_KEY = 128
QUESTIONS_PER_CALL = 256
"""More of them in one call are refused: state is for what a session remembers, not a database."""

AGAIN_SECONDS = 0.5
"""Between two attempts to reach the states."""

_REFUSED = -32601
_BAD = -32602
_FAILED = -32603


class RememberingSandboxes:
    """The Sandboxes port around another one, for workers that have something to remember."""

    def __init__(self, sandboxes: Sandboxes, states: KeptStates, *, patience: float = 0.0) -> None:
        """`patience`: for so many seconds a call waits for states that cannot be reached, before it is told."""
        self._sandboxes = sandboxes
        self._states = states
        self._patience = patience

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
        memory = _Memory(self._states, worker, asker, self._patience)
        return await self._sandboxes.call(worker, method, params, caller=caller, on_event=on_event, asker=memory)

    async def describe(self, worker: Worker) -> Manifest:
        return await self._sandboxes.describe(worker)


class _Memory:
    """Answers one call's questions about state; others go on to the client, where it can be asked."""

    def __init__(self, states: KeptStates, worker: Worker, asker: Asker | None, patience: float) -> None:
        self._states = states
        self._worker = worker
        self._asker = asker
        self._patience = patience
        self._left = QUESTIONS_PER_CALL

    async def __call__(self, method: str, params: msgspec.Raw) -> msgspec.Raw:
        """Raises UpstreamError for the worker that asks."""
        if method not in (STATE_GET, STATE_PUT, STATE_DELETE):
            if self._asker is None:
                raise UpstreamError(_REFUSED, "This client cannot be asked.")
            return await self._asker(method, params)
        self._left -= 1
        if self._left < 0:
            raise UpstreamError(_FAILED, f"A call may read and change its state {QUESTIONS_PER_CALL} times.")
        try:
            order = _decode(params)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise UpstreamError(_BAD, "A state has a key, a text, and a value.") from None
        if len(order.key) > MAX_KEY:
            raise UpstreamError(_BAD, f"The key of a state has at most {MAX_KEY} characters.")
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await self._answer(method, order)
            except SessionsUnavailable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise UpstreamError(
                        _FAILED, "The session's state cannot be reached at the moment: try again."
                    ) from None
            await asyncio.sleep(AGAIN_SECONDS)

    @property
    def _area(self) -> str:
        return hashlib.sha256(f"{self._worker.tenant_id}\n{self._worker.server_id}".encode()).hexdigest()

    async def _answer(self, method: str, order: _Order) -> msgspec.Raw:
        if method == STATE_GET:
            found = await self._states.kept(self._area, order.key)
            return msgspec.Raw(b'{"value":' + (b"null" if found is None else found) + b"}")
        if method == STATE_DELETE:
            existed = await self._states.drop(self._area, order.key)
            return msgspec.Raw(b'{"existed":true}' if existed else b'{"existed":false}')
        value = bytes(order.value)
        if len(value) > MAX_STATE_BYTES:
            raise UpstreamError(
                _BAD, f"A session keeps {MAX_STATE_BYTES} bytes; this is {len(value)}. Keep more elsewhere."
            )
        await self._states.keep(self._area, order.key, value)
        return msgspec.Raw(b"{}")


class _Order(msgspec.Struct):
    key: str
    value: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(_Order).decode
