"""Whether a call's value is awaited: what lets one name serve two generations of authors (FASTMCP 0.2, C-10).

`ctx.get_state("k")` gives the value, as in 2.x; `await ctx.get_state("k")` looks into the session as well, as in 3.x.
A value such as None or "text" cannot be both a value and awaitable, so the caller's next instruction decides.
"""

from __future__ import annotations

from opcode import opmap
from types import FrameType

__all__ = ("is_awaited",)

_GET_AWAITABLE = opmap["GET_AWAITABLE"]
_CACHE = opmap.get("CACHE", 0)


def is_awaited(frame: FrameType | None) -> bool:
    """Whether the value of the call that `frame` is making is awaited right away."""
    if frame is None:
        return False
    code, position = frame.f_code.co_code, frame.f_lasti + 2
    while position < len(code) and code[position] == _CACHE:
        position += 2
    return position < len(code) and code[position] == _GET_AWAITABLE
