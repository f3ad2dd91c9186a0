"""Questions to a client of 2026-07-28: as the answer to its call, which it then makes again with the answers
(PROTOCOL 2.7).

A call whose code waits for an answer is parked: its task goes on to wait, and the retry finds it by the request state.
Where it is gone, or another process gets the retry, the call is made anew and its questions are answered from the
record in the state, in the order in which they were asked. So between a first and a second run of code that asks,
what it does before it asks is done twice; a server that returns its questions instead decides that itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable

import msgspec

from mcp_runtime.gateway.answers import read_question, read_responses, unusable, why_not
from mcp_runtime.gateway.dispatch import Call, ask_server
from mcp_runtime.gateway.plans import COMPLETE, LIST_METHODS
from mcp_runtime.gateway.sealing import Sealer, Unsealable
from mcp_runtime.ports.dialogues import METHODS, digest
from mcp_runtime.ports.sandboxes import UpstreamError
from mcp_runtime.ports.sessions import Sessions
from mcp_runtime.protocol.errors import Internal, InvalidParams, MissingClientCapability
from mcp_runtime.protocol.messages import InputRequired, Question, Result

STATE_SECONDS = 600.0
"""How long a client may take between one round and the next."""
PARK_SECONDS = 300.0
"""How long the code of a call waits for it."""
GATHER_SECONDS = 0.01
"""Questions asked at about the same time go out together."""
MAX_PARKED = 1_000
MAX_PARKED_PER_ENDPOINT = 16
MAX_PARKED_PER_CALLER = 8
"""A parked call holds one of its worker's places. Of those over a limit the code does not wait: their retries run it
again."""
MAX_ROUNDS = 32
MAX_STATE_BYTES = 64 * 1024


class _State(msgspec.Struct, array_like=True):
    """What the client carries for us. Sealed: it cannot be read, changed or used for another call."""

    ticket: str
    """Good for one retry."""
    until: float
    round: int
    parked: str
    asked: dict[str, Question]
    """The questions that were put, by key."""
    given: dict[str, msgspec.Raw]
    """Answers to some of this round's questions, when others were missing."""
    record: list[tuple[str, msgspec.Raw]]
    """Questions of earlier rounds, as digests, with their answers."""
    server_state: str | None
    """What the server itself wants back; None when its code waits."""


class _Dialogue:
    """The code of one call, from its first question to its end, over all rounds."""

    def __init__(self, call: Call, record: list[tuple[str, msgspec.Raw]]) -> None:
        self.call = call
        self.record = record
        self.open: dict[str, tuple[Question, asyncio.Future[msgspec.Raw]]] = {}
        self._replay = list(record)
        self._count = len(record)
        self._asked = asyncio.Event()
        self._refused: MissingClientCapability | None = None
        call.asker = self._ask
        call.rounds = True
        self.task = asyncio.create_task(ask_server(call), name="call in rounds")

    async def step(self) -> Result | InputRequired | None:
        """Go on until the code is done, or None: until it waits for answers. Raises McpError."""
        asked = asyncio.create_task(self._asked.wait())
        try:
            await asyncio.wait({self.task, asked}, return_when=asyncio.FIRST_COMPLETED)
            while not self.task.done() and self._refused is None:
                waiting = len(self.open)
                await asyncio.wait({self.task}, timeout=GATHER_SECONDS)
                if waiting == len(self.open):
                    break
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            asked.cancel()
        if self._refused is not None:
            self.close()
            raise self._refused
        return self.task.result() if self.task.done() else None

    def answer(self, answers: dict[str, msgspec.Raw]) -> None:
        """Let the code go on with the answers to all that it asked."""
        self._asked.clear()
        for key, (question, future) in list(self.open.items()):
            self.record.append((digest(question), answers[key]))
            if not future.done():
                future.set_result(answers[key])

    @property
    def waiting(self) -> dict[str, Question]:
        """The questions without an answer."""
        return {key: question for key, (question, future) in self.open.items() if not future.done()}

    def close(self) -> None:
        self.task.cancel()

    async def _ask(self, method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked = read_question(method, params)
        missing = unusable(asked, self.call.request.capabilities)
        if missing is not None:
            self._refused = MissingClientCapability(missing)
            self._asked.set()
            raise UpstreamError(self._refused.code, self._refused.message, self._refused.data)
        wanted = digest(asked)
        for index, (recorded, answer) in enumerate(self._replay):
            if recorded == wanted:
                del self._replay[index]
                return answer
        self._count += 1
        key = f"{METHODS[method]}_{self._count}"
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self.open[key] = (asked, future)
        self._asked.set()
        try:
            return await future
        finally:
            del self.open[key]


class Rounds:
    """Runs calls of clients that may be asked. One per gateway process."""

    def __init__(self, sealer: Sealer, sessions: Sessions, *, now: Callable[[], float] = time.time) -> None:
        self._sealer = sealer
        self._sessions = sessions
        self._now = now
        self._parked: dict[str, tuple[_Dialogue, asyncio.TimerHandle]] = {}

    async def aclose(self) -> None:
        for parked in list(self._parked):
            self._unpark(parked, close=True)

    @staticmethod
    def wanted(call: Call) -> bool:
        """Whether the client takes part in rounds: it can be asked, or it answers. Lists and completions ask nobody."""
        if call.request.method in LIST_METHODS or call.request.method == COMPLETE:
            return False
        params = call.request.params
        return bool(call.request.capabilities) or "inputResponses" in params or "requestState" in params

    async def run(self, call: Call) -> Result | InputRequired:
        """One round of a call: its result, or the next questions. Raises McpError."""
        params = call.request.params
        bound_to = _bound(call)
        responses = read_responses(params)
        state = self._state(params, bound_to)
        if state is None:
            dialogue = _Dialogue(call, [])
            return await self._outcome(dialogue, bound_to, 0)
        given = await self._given(state, responses, bound_to)
        if isinstance(given, InputRequired):
            return given
        if state.server_state is not None or not state.parked:
            _set_params(call, {key: given[key] for key in state.asked}, state.server_state)
            return await self._outcome(_Dialogue(call, state.record), bound_to, state.round)
        return await self._resume(call, state, given, bound_to)

    async def settled(self, call: Call) -> InputRequired | list[tuple[str, msgspec.Raw]]:
        """A call that others will run: its parameters as the server is to see them, and what was asked before, as
        digests of questions with their answers. Or the questions that have no answer yet. Raises McpError."""
        params = call.request.params
        bound_to = _bound(call)
        responses = read_responses(params)
        state = self._state(params, bound_to)
        if state is None:
            return []
        given = await self._given(state, responses, bound_to)
        if isinstance(given, InputRequired):
            return given
        if state.server_state is not None or not state.parked:
            _set_params(call, {key: given[key] for key in state.asked}, state.server_state)
            return state.record
        _set_params(call, None, None)
        self._unpark(state.parked, close=True)
        return state.record + [(digest(question), given[key]) for key, question in state.asked.items()]

    async def _given(
        self, state: _State, responses: dict[str, msgspec.Raw], bound_to: list[object]
    ) -> dict[str, msgspec.Raw] | InputRequired:
        """All answers to what was asked; else what is still to be answered. Raises InvalidParams."""
        given = {**state.given, **{key: value for key, value in responses.items() if key in state.asked}}
        for key, answer in given.items():
            _check_answer(key, state.asked[key], answer)
        if not await self._sessions.redeem(state.ticket, STATE_SECONDS):
            raise InvalidParams("params.requestState was used before: it is good for one retry.")
        missing = {key: question for key, question in state.asked.items() if key not in given}
        return self._questions(missing, msgspec.structs.replace(state, given=given), bound_to) if missing else given

    async def _resume(
        self, call: Call, state: _State, given: dict[str, msgspec.Raw], bound_to: list[object]
    ) -> Result | InputRequired:
        """Go on with code that waits; where it does not wait here, run it again with the answers."""
        _set_params(call, None, None)
        found = self._unpark(state.parked)
        if found is None or found.task.done() or found.waiting.keys() != state.asked.keys():
            record = state.record + [(digest(question), given[key]) for key, question in state.asked.items()]
            return await self._outcome(_Dialogue(call, record), bound_to, state.round)
        found.call.request, found.call.record = call.request, call.record
        found.call.events.redirect(call.request, call.events.way)
        found.answer(given)
        return await self._outcome(found, bound_to, state.round)

    async def _outcome(self, dialogue: _Dialogue, bound_to: list[object], rounds: int) -> Result | InputRequired:
        outcome = await dialogue.step()
        if outcome is not None and not isinstance(outcome, InputRequired):
            return outcome
        if rounds >= MAX_ROUNDS:
            dialogue.close()
            raise Internal(f"The server asked {MAX_ROUNDS} times without coming to an answer.")
        state = _State("", 0.0, rounds, "", {}, {}, dialogue.record, None)
        if outcome is None:
            state.asked = dialogue.waiting
            state.parked = self._park(dialogue) or "gone"
            return self._questions(state.asked, state, bound_to)
        return self._server_questions(outcome, state, dialogue, bound_to)

    def _server_questions(
        self, outcome: InputRequired, state: _State, dialogue: _Dialogue, bound_to: list[object]
    ) -> InputRequired:
        """Questions that the server returned; those the client did not declare itself fit for are left out (MR-02)."""
        capabilities = dialogue.call.request.capabilities
        lacking = {key: unusable(question, capabilities) for key, question in outcome.input_requests.items()}
        for key, missing in lacking.items():
            if missing is not None:
                del outcome.input_requests[key]
        if not outcome.input_requests:
            first = next((missing for missing in lacking.values() if missing is not None), None)
            if first is not None:
                raise MissingClientCapability(first)
            if outcome.request_state is None:
                raise Internal("The server asked for input without saying which.")
        state.asked = outcome.input_requests
        state.server_state = outcome.request_state
        asked = self._questions(state.asked, state, bound_to)
        asked.meta = outcome.meta
        return asked

    def _questions(self, questions: dict[str, Question], state: _State, bound_to: list[object]) -> InputRequired:
        fresh = msgspec.structs.replace(
            state, ticket=secrets.token_hex(16), until=self._now() + STATE_SECONDS, round=state.round + 1
        )
        text = self._sealer.seal(fresh, bound_to=bound_to)
        if len(text) > MAX_STATE_BYTES:
            raise Internal("The server asked for more than a client can carry along.")
        return InputRequired(result_type="input_required", input_requests=questions, request_state=text)

    def _state(self, params: dict[str, object], bound_to: list[object]) -> _State | None:
        if "requestState" not in params:
            return None
        text = params["requestState"]
        if not isinstance(text, str):
            raise InvalidParams("params.requestState must be a string.")
        try:
            state = _decode(self._sealer.open(text, bound_to=bound_to))
        except Unsealable:
            raise InvalidParams("params.requestState is not one that this call was given.") from None
        if state.until < self._now():
            raise InvalidParams("params.requestState has expired: make the call again without it.")
        return state

    def _park(self, dialogue: _Dialogue) -> str | None:
        """Let the code wait; None where too much waits already, and it is stopped."""
        caller, endpoint = dialogue.call.principal.identity, dialogue.call.plan.endpoint_id
        parked = [one.call for one, _ in self._parked.values()]
        if (
            len(parked) >= MAX_PARKED
            or sum(call.principal.identity == caller for call in parked) >= MAX_PARKED_PER_CALLER
            or sum(call.plan.endpoint_id == endpoint for call in parked) >= MAX_PARKED_PER_ENDPOINT
        ):
            dialogue.close()
            return None
        name = secrets.token_hex(12)
        timer = asyncio.get_running_loop().call_later(PARK_SECONDS, lambda: self._unpark(name, close=True))
        self._parked[name] = (dialogue, timer)
        # What a parked call comes to when it fails while nobody waits is told by its replay.
        dialogue.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return name

    def _unpark(self, name: str, *, close: bool = False) -> _Dialogue | None:
        found = self._parked.pop(name, None)
        if found is None:
            return None
        dialogue, timer = found
        timer.cancel()
        if close:
            dialogue.close()
        return dialogue


def _set_params(call: Call, responses: dict[str, msgspec.Raw] | None, server_state: str | None) -> None:
    """What the server sees of a retry: its own state, never ours."""
    params = call.request.params
    params.pop("inputResponses", None)
    params.pop("requestState", None)
    if responses is not None:
        params["inputResponses"] = responses
    if server_state is not None:
        params["requestState"] = server_state


def _check_answer(key: str, question: Question, answer: msgspec.Raw) -> None:
    why = why_not(question, answer)
    if why is not None:
        raise InvalidParams(f"params.inputResponses[{key[:64]!r}] is no answer to {question.method}: {why}.")


def _bound(call: Call) -> list[object]:
    """The one call that a state is good for (MR-04)."""
    params = call.request.params
    arguments = msgspec.json.encode(params.get("arguments"), order="deterministic")
    return [
        "round",
        call.plan.endpoint_id,
        call.principal.identity,
        call.request.method,
        params.get("name", params.get("uri")),
        hashlib.sha256(arguments).hexdigest(),
    ]


_decode = msgspec.json.Decoder(_State).decode
