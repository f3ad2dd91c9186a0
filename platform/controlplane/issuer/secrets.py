"""The random values an issuer hands out. Each has a prefix that says what it is; the database keeps its digest.

They hold 256 random bits, so a plain hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Literal

Kind = Literal["ac", "rt", "cs", "rg", "dc"]
"""An authorization code, a refresh token, a client's secret, a registration token, a device code."""


def new_secret(kind: Kind) -> str:
    return f"stoa_{kind}_{secrets.token_urlsafe(32)}"


def digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def matches(value: str, expected: bytes) -> bool:
    return hmac.compare_digest(digest(value), expected)
