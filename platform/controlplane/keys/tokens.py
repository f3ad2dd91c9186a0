"""The form of an API key: `stoa_<8 lookup>_<43 secret><6 checksum>`.

The lookup part selects the row and is not secret. The checksum tells a typo from a wrong key without a query, and
lets scanners of leaked secrets recognise ours for certain.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

_TOKEN = re.compile(r"(stoa_([a-z2-7]{8})_([A-Za-z0-9_-]{43}))([0-9a-f]{6})", re.ASCII)
_LOOKUP_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Token:
    lookup: str
    secret: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What the database keeps instead of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def reveal(self) -> str:
        """The whole key, for the one moment when it is shown."""
        body = f"stoa_{self.lookup}_{self.secret}"
        return body + _checksum(body)


def new_token() -> Token:
    return Token("".join(secrets.choice(_LOOKUP_ALPHABET) for _ in range(8)), secrets.token_urlsafe(32))


def parse(text: str) -> Token | None:
    """None when it has another form or a character is wrong."""
    match = _TOKEN.fullmatch(text)
    if match is None or _checksum(match[1]) != match[4]:
        return None
    return Token(match[2], match[3])


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()) & 0xFFFFFF:06x}"
