"""What a result may be: text that JSON can carry, and not without bound.

A result is held in memory several times on its way to the client; one of many megabytes is a mistake that would be
paid for by everybody else on the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_runtime.framework.errors import ResultTooLarge, UnwritableResult

__all__ = ("MOST_RESULT_BYTES", "check_blocks", "check_texts")

MOST_RESULT_BYTES = 32 * 1024 * 1024
"""Of text and base64 in one result."""


def check_blocks(blocks: Iterable[Any]) -> None:
    """Raises ResultTooLarge, and UnwritableResult for text that is not Unicode."""
    check_texts(part for block in blocks for part in _parts(block))


def check_texts(parts: Iterable[object]) -> None:
    """The same for the texts and bytes of a result."""
    total = 0
    for part in parts:
        total += _size(part)
        if total > MOST_RESULT_BYTES:
            raise ResultTooLarge(total, MOST_RESULT_BYTES)


def _parts(block: Any) -> Iterable[object]:
    if isinstance(block, dict):
        resource = block.get("resource")
        return (block.get("text"), block.get("data"), *(_parts(resource) if isinstance(resource, dict) else ()))
    state = vars(block)
    resource = state.get("resource")
    return (
        state.get("text"),
        state.get("data"),
        *(() if resource is None else (getattr(resource, "text", None), getattr(resource, "blob", None))),
    )


def _size(part: object) -> int:
    if isinstance(part, str):
        if part.isascii():
            return len(part)
        try:
            return len(part.encode())
        except UnicodeEncodeError as error:
            raise UnwritableResult(f"a text in it has {part[error.start]!a}, which is half a character") from error
    return len(part) * 4 // 3 if isinstance(part, bytes) else 0
