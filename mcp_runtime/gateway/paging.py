"""Lists in pages, with cursors that only their own caller can use, at the version they are of (PROTOCOL PG-01)."""

from __future__ import annotations

import msgspec

from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.gateway.sealing import Sealer, Unsealable
from mcp_runtime.protocol.errors import InvalidParams
from mcp_runtime.protocol.ladder import Request
from tenants.principal import Principal

PAGE_ITEMS = 1_000
"""Items on one page. Most endpoints have one page, and many clients look at the first only."""


class Pages:
    """Pages are encoded once for all callers; the cursor behind them is everyone's own."""

    def __init__(self, sealer: Sealer, items: int = PAGE_ITEMS) -> None:
        self._sealer = sealer
        self._items = items

    def page(self, request: Request, plan: CompiledPlan, principal: Principal) -> bytes:
        """The result of a list request. Raises InvalidParams for a cursor that is not this caller's."""
        cursor = request.params.get("cursor")
        first = 0
        if cursor is not None:
            if not isinstance(cursor, str):
                raise InvalidParams("params.cursor must be a string.")
            first = self._first(cursor, request.method, plan, principal)
        result = plan.listing(request.method, request.revision, first, self._items)
        after = first + self._items
        if after >= plan.length(request.method):
            return result
        following = self._sealer.seal([plan.version, after], bound_to=_bound(request.method, plan, principal))
        return result[:-1] + b',"nextCursor":"' + following.encode() + b'"}'

    def _first(self, cursor: str, method: str, plan: CompiledPlan, principal: Principal) -> int:
        try:
            version, first = _decode(self._sealer.open(cursor, bound_to=_bound(method, plan, principal)))
        except Unsealable:
            raise InvalidParams("The cursor is not one that this list gave you: begin without one.") from None
        if version != plan.version:
            raise InvalidParams("The list has changed since the cursor was given: begin without one.")
        return first


def _bound(method: str, plan: CompiledPlan, principal: Principal) -> list[object]:
    return ["cursor", plan.endpoint_id, principal.identity, method]


_decode = msgspec.json.Decoder(tuple[int, int]).decode
