"""W3C Trace Context: what a `traceparent` says (PROTOCOL M-01, M-02)."""

from __future__ import annotations

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
MAX_CHARACTERS = 256


class TraceParent(NamedTuple):
    trace: str
    """32 hexadecimal digits."""
    span: str
    """16 hexadecimal digits: who asks."""
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{self.sampled:02x}"


def parse(value: object) -> TraceParent | None:
    """None for everything that section 2.2 of Trace Context does not allow: such a value is ignored, never refused."""
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        return None
    found = _TRACEPARENT.fullmatch(value)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or trace == _NO_TRACE or span == _NO_SPAN or (version == "00" and more is not None):
        return None
    return TraceParent(trace, span, bool(int(flags, 16) & 1))
