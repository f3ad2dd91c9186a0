"""Keeping secrets out of log lines: values under telling names, and what looks like a credential by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mcp_runtime.framework.types import Model

__all__ = ("REDACTED", "redacted")

REDACTED = "[redacted]"

_TELLING = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|api[-_ ]?key|private[-_ ]?key|access[-_ ]?key|credential|authorization"
    r"|cookie|session[-_ ]?id|\bpin\b|\bcvv\b|\bcvc\b|\bssn\b|card[-_ ]?number|\biban\b"
    r"|signature|client[-_ ]?assertion",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"(?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|\b(?:sk|pk|rk|ghp|gho|ghs|ghu|xox[abprs]|stoa|AKIA)[-_]?[A-Za-z0-9_-]{16,}"
    r"|(?<=://)[^/\s:@]{1,256}:[^/\s@]{1,256}(?=@)",
    re.IGNORECASE,
)
_DEEPEST = 32


def redacted(value: Any, *, telling: Callable[[str], bool] | None = None, depth: int = 0) -> Any:
    """`value` as plain JSON values without its secrets; `telling` says which member names hold some."""
    if depth > _DEEPEST:
        return "[nested too deeply]"
    if isinstance(value, str):
        return _CREDENTIAL.sub(lambda found: (found["scheme"] or "") + REDACTED, value)
    if isinstance(value, Model):
        value = value.to_wire()
    if isinstance(value, Mapping):
        is_telling = telling or _is_telling
        return {
            str(key): REDACTED
            if is_telling(str(key)) and item is not None
            else redacted(item, telling=telling, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item, telling=telling, depth=depth + 1) for item in value]
    return value


def _is_telling(name: str) -> bool:
    return _TELLING.search(name) is not None
