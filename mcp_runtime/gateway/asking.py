"""Questions to a client of the handshake era, on the stream of the call that asks (PROTOCOL 2.3)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import msgspec

from mcp_runtime.gateway.hub import Answer, Hub
from mcp_runtime.ports.dialogues import METHODS
from mcp_runtime.ports.sandboxes import UpstreamError
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError

ANSWER_SECONDS = 300.0
"""How long a client may take over a question, people being slow."""
_REFUSED = -32601
_FAILED = -32603


class StreamAsker:
    """Asks over `notify`, the stream of one call. The answer may arrive at any process."""

    def __init__(
        self, hub: Hub, session_id: str, capabilities: dict[str, object], notify: Callable[[bytes], None]
    ) -> None:
        self._hub = hub
        self._session_id = session_id
        self._capabilities = capabilities
        self._notify = notify

    async def __call__(self, method: str, params: msgspec.Raw) -> msgspec.Raw:
        """Put one question. Raises UpstreamError for the worker that asks."""
        check(method, self._capabilities)
        question = secrets.token_hex(8)
        answer = self._hub.expect(self._session_id, question)
        try:
            self._notify(codec.write(_Question(question, method, _sound(params))))
            async with asyncio.timeout(ANSWER_SECONDS):
                return _result(await answer)
        except TimeoutError:
            raise UpstreamError(_FAILED, f"The client did not answer within {ANSWER_SECONDS:g} seconds.") from None
        finally:
            self._hub.forget(self._session_id, question)


def check(method: str, capabilities: dict[str, object]) -> None:
    """Raises UpstreamError for a question that this client cannot be asked."""
    capability = METHODS.get(method)
    if capability is None:
        raise UpstreamError(_REFUSED, f"A client cannot be asked {method[:64]!r}.")
    if not isinstance(capabilities.get(capability), dict):
        raise UpstreamError(_REFUSED, f"The client did not declare the capability {capability!r}.")


class _Question(msgspec.Struct):
    id: str
    method: str
    params: msgspec.Raw
    jsonrpc: str = "2.0"


def _sound(params: msgspec.Raw) -> msgspec.Raw:
    try:
        return codec.sound(params)
    except ParseError as error:
        raise UpstreamError(_FAILED, error.message) from None


def _result(answer: Answer) -> msgspec.Raw:
    if answer.error is not None:
        code, message = answer.error.get("code"), answer.error.get("message")
        raise UpstreamError(
            code if isinstance(code, int) else _FAILED,
            message[:4096] if isinstance(message, str) else "The client refused.",
            answer.error.get("data"),
        )
    return answer.result
