"""A request turned away before it is a protocol message: wrong door, no key, wrong method, too large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidRequest
from mcp_runtime.transports.asgi import Header

Party: TypeAlias = Literal["you", "platform", "upstream", "provider", "sandbox"]
"""Whose fault it is (docs/reference/errors.md)."""


class Refusal(Exception):
    """`code` is stable and documented in docs/reference/errors.md; `message` and `hint` are for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str,
        *,
        headers: Sequence[Header] = (),
        party: Party = "you",
        unread: bool = False,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = headers
        self.party = party
        self.more = more or {}
        """What else goes into the error's data."""
        self.unread = unread
        """The client may still be sending a body that nobody will read."""

    def body(self, request_id: str) -> bytes:
        """A JSON-RPC error without an id: MCP clients show its message, and other ones can read it too."""
        data = problem(self.code, self.party, self.hint, request_id, **self.more)
        return codec.write(
            {"jsonrpc": "2.0", "error": {"code": InvalidRequest.code, "message": self.message, "data": data}}
        )


def problem(code: str, party: Party, hint: str, request_id: str, **more: object) -> dict[str, object]:
    """The `data` of an error that is not a matter of the protocol (ARCHITECTURE 6.10)."""
    return {"code": code, "party": party, "hint": hint, "request_id": request_id, **more}
