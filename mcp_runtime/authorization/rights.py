"""What of an endpoint a credential is for, and from where it may be used.

A credential can be limited to parts of endpoints by patterns: `search_*` or `tool:search_*`, `prompt:*`,
`resource:notes://*`. `*` stands for any characters; a pattern means the names and URIs that lists show, templates as
they are written. Without patterns nothing is left out; with some, whatever none of them names is not there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Literal, get_args

Kind = Literal["tool", "prompt", "resource"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MAX_PATTERNS = 100
MAX_PATTERN = 200


class PatternError(ValueError):
    """The text is no pattern; the message says why."""


class Rights:
    """A set of patterns, ready to be asked."""

    def __init__(self, patterns: Collection[str]) -> None:
        """Raises PatternError."""
        spelled: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
        for pattern in patterns:
            kind, text = _read(pattern)
            spelled[kind].append(".*".join(re.escape(part) for part in text.split("*")))
        self._expressions = {
            kind: re.compile("|".join(f"(?:{one})" for one in ones), re.DOTALL) if ones else None
            for kind, ones in spelled.items()
        }

    def allow(self, kind: Kind, name: str) -> bool:
        expression = self._expressions[kind]
        return expression is not None and expression.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is in one of these CIDR blocks. One that is not known is in none."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in ip_network(network) for network in networks)


def _read(pattern: str) -> tuple[Kind, str]:
    if not 0 < len(pattern) <= MAX_PATTERN or not pattern.isprintable():
        raise PatternError(f"A pattern has 1 to {MAX_PATTERN} printable characters.")
    kind, colon, text = pattern.partition(":")
    for known in KINDS:
        if colon and kind == known:
            if not text:
                raise PatternError(f"The pattern {pattern!r} names nothing; {known}:* means every {known}.")
            return known, text
    if colon:
        raise PatternError(f"The pattern {pattern!r} must begin with {', '.join(f'{known}:' for known in KINDS)}.")
    return "tool", pattern
