"""Identifiers: a prefix that says what a thing is, and a ULID that sorts by time (ARCHITECTURE 6.11)."""

from __future__ import annotations

import re
from typing import Literal

from ulid import ULID

Prefix = Literal[
    "ten", "usr", "mem", "dek", "srv", "rev", "ep", "epv", "mnt", "key", "aud", "sec", "log", "req",
    "cli", "con", "grt", "sgk", "inv", "idn", "aut", "ses", "evt", "idp", "sia", "ups", "cnx", "cna", "rpt",
    "tsk", "tpt", "exp", "dec",
]  # fmt: skip

ID_LENGTH = 30
"""The longest identifier: a prefix of three letters, an underscore and 26 characters."""

_IDENTIFIER = re.compile(r"[a-z]{2,3}_[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?", re.ASCII)

SLUG_RULE = "lower-case letters, digits and inner hyphens, at most 50 characters"


def new_id(prefix: Prefix) -> str:
    return f"{prefix}_{ULID()}"


def is_id(value: str, prefix: Prefix) -> bool:
    """Whether it has the form of such an identifier; not whether the thing exists."""
    return value.startswith(f"{prefix}_") and _IDENTIFIER.fullmatch(value) is not None


def is_slug(value: str) -> bool:
    """Whether it can name a tenant, server or endpoint in a URL. No slug has the form of an identifier."""
    return _SLUG.fullmatch(value) is not None
