"""Tools some of whose arguments are not the client's to give: fixed by the endpoint, or hidden.

It stands between the gateway and the member for these tools only, so that no other call pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller


class WithheldArguments:
    """Adds the fixed arguments to each call of one tool. A call that brings a withheld one itself is refused."""

    __slots__ = ("_fixed", "_hidden", "_upstream")

    def __init__(self, upstream: Upstream, *, fixed: dict[str, object], hidden: Iterable[str]) -> None:
        self._upstream = upstream
        self._fixed = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fixed.items()}
        self._hidden = frozenset((*hidden, *fixed))

    @property
    def kind(self) -> str:
        return self._upstream.kind

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        members = _OBJECT.decode(params)
        arguments = _OBJECT.decode(members.get("arguments", b"{}"))
        brought = self._hidden.intersection(arguments)
        if brought:
            return _refusal(sorted(brought))
        members["arguments"] = msgspec.Raw(msgspec.json.encode({**arguments, **self._fixed}))
        return await self._upstream.call(
            method, msgspec.Raw(msgspec.json.encode(members)), caller=caller, on_event=on_event, asker=asker
        )


def _refusal(names: list[str]) -> msgspec.Raw:
    """For the model, which can then call without them (PROTOCOL E-01)."""
    text = f"Input validation error: this tool does not take {', '.join(repr(name) for name in names)}."
    return msgspec.Raw(msgspec.json.encode({"content": [{"type": "text", "text": text}], "isError": True}))


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
