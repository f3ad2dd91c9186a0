"""Calls of 2026-07-28 clients that wait for answers: they stand still here until the client comes back (MR-01).

The request state is a random name for the waiting call. It is good once, for the same tool and arguments.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

from mcp_runtime.gateway.standalone.pipe_exchange import PipeExchange
from mcp_runtime.protocol.errors import InvalidParams

PARKED_SECONDS = 300.0
MAX_PARKED = 64


class Parking:
    def __init__(self) -> None:
        self._waiting: dict[str, ParkedCall] = {}

    def begin(self, exchange: PipeExchange, params: dict[str, object]) -> ParkedCall:
        """A call that may stop for questions; `exchange` gets its way to ask them."""
        call = ParkedCall(self, params)
        exchange.ask = call.ask
        return call

    def take(self, params: dict[str, object]) -> ParkedCall | None:
        """The call that these parameters bring answers for, if it waits here. Raises InvalidParams."""
        state = params.get("requestState")
        call = self._waiting.pop(state, None) if isinstance(state, str) else None
        if call is None:
            return None
        if call.identity != _identity(params):
            call.close()
            raise InvalidParams("The requestState belongs to another call.")
        call.take_answers(params.get("inputResponses"))
        return call

    def park(self, call: ParkedCall) -> str:
        if len(self._waiting) >= MAX_PARKED:
            self._waiting.pop(next(iter(self._waiting))).close()
        state = secrets.token_urlsafe(24)
        self._waiting[state] = call
        asyncio.get_running_loop().call_later(PARKED_SECONDS, self._expire, state)
        return state

    def close(self) -> None:
        while self._waiting:
            self._waiting.popitem()[1].close()

    def _expire(self, state: str) -> None:
        call = self._waiting.pop(state, None)
        if call is not None:
            call.close()


class ParkedCall:
    """One call, run between the client's requests for it."""

    def __init__(self, parking: Parking, params: dict[str, object]) -> None:
        self.identity = _identity(params)
        self._parking = parking
        self._task: asyncio.Task[object] | None = None
        self._open: dict[str, tuple[dict[str, object], asyncio.Future[dict[str, object]]]] = {}
        self._asked = asyncio.Event()
        self._count = 0

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        self._task = asyncio.create_task(work)

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        self._count += 1
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        key = f"q{self._count}"
        self._open[key] = ({"method": method, "params": params}, answer)
        self._asked.set()
        try:
            return await answer
        finally:
            self._open.pop(key, None)

    async def next_stop(self) -> dict[str, Any] | None:
        """Wait until the call is done, which gives None, or asks: the result that says what."""
        assert self._task is not None
        asking = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({self._task, asking}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            asking.cancel()
        if self._task.done():
            return None
        self._asked.clear()
        questions = {key: question for key, (question, _) in self._open.items()}
        return {"resultType": "input_required", "inputRequests": questions, "requestState": self._parking.park(self)}

    def take_answers(self, responses: object) -> None:
        """Let the questions that were answered go on; those that were not are asked again."""
        given = responses if isinstance(responses, dict) else {}
        for key, (_, answer) in self._open.items():
            response = given.get(key)
            if isinstance(response, dict) and not answer.done():
                answer.set_result(response)
        if any(not answer.done() for _, answer in self._open.values()):
            self._asked.set()

    def result(self) -> object:
        """What the call gave. Raises what it raised."""
        assert self._task is not None
        return self._task.result()

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()


def _identity(params: dict[str, object]) -> object:
    return {key: params.get(key) for key in ("name", "uri", "arguments")}
