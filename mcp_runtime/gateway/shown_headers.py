"""What of a request's HTTP headers the code that serves it may see (FASTMCP C-21)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mcp_runtime.framework.http_request import concerns_one_connection, holds_a_credential
from mcp_runtime.transports.asgi import Header

MAX_BYTES: Final = 8 * 1024
"""Names and values together; what goes beyond is left out."""
_OF_THE_EDGE: Final = ("x-forwarded-", "x-real-ip", "forwarded", "via")
"""What proxies of the operator add: where their network lies is no business of a tenant's code."""


def shown(headers: tuple[Header, ...]) -> dict[str, str]:
    """By lower-case name. No credential leaves the gateway, whoever asks. Of a repeated header the first counts."""
    seen: dict[str, str] = {}
    left = MAX_BYTES
    for raw_name, raw_value in headers:
        left -= len(raw_name) + len(raw_value)
        if left < 0:
            continue
        name = _shown_name(raw_name)
        if name is not None and name not in seen:
            seen[name] = raw_value.decode("latin-1")
    return seen


@lru_cache(maxsize=256)  # the same few names come with every request
def _shown_name(raw: bytes) -> str | None:
    """The name of a header that may be shown, None for all others."""
    name = raw.decode("latin-1")
    if holds_a_credential(name) or concerns_one_connection(name) or name.startswith(_OF_THE_EDGE):
        return None
    return name
