"""Sealing values under a tenant's data key, bound to the one place where they are kept (SECURITY 0.8).

A sealed value is `version 1 | key identifier 16 | nonce 12 | AES-256-GCM ciphertext and tag`, with
`tenant|table|column|row` as additional data: moved to another row, column or tenant, it does not open. Data keys are
stored wrapped (`key_encryption`). This module is pure; `datakeys` finds the keys.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from ulid import ULID

_VERSION = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + 16 + _NONCE_BYTES
_TAG_BYTES = 16


class NotOpenedError(Exception):
    """A sealed value does not open here: it was moved or altered, or the key is another."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. It opens there and nowhere else."""

    tenant_id: str
    table: str
    column: str
    row: str

    def __bytes__(self) -> bytes:
        parts = (self.tenant_id, self.table, self.column, self.row)
        if any(not part or "|" in part for part in parts):
            raise ValueError(f"A place has four non-empty parts without '|', not {parts!r}.")
        return "|".join(parts).encode()


@dataclass(frozen=True, slots=True)
class DataKey:
    """A tenant's key, unwrapped: it never leaves the process and never shows itself."""

    id: str
    material: bytes = field(repr=False)


def new_data_key(id: str) -> DataKey:
    return DataKey(id, AESGCM.generate_key(256))


def seal(plaintext: bytes, *, key: DataKey, place: Place) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    ulid = ULID.from_str(key.id.partition("_")[2]).bytes
    return _VERSION + ulid + nonce + AESGCM(key.material).encrypt(nonce, plaintext, bytes(place))


def key_id(sealed: bytes) -> str:
    """The identifier of the data key that sealed it. Raises NotOpenedError."""
    if len(sealed) < _HEADER_BYTES + _TAG_BYTES:
        raise NotOpenedError("The sealed value is cut short.")
    if sealed[:1] != _VERSION:
        raise NotOpenedError(f"The sealed value has version {sealed[0]}; this release opens version 1.")
    return f"dek_{ULID.from_bytes(sealed[1:17])}"


def unseal(sealed: bytes, *, key: DataKey, place: Place) -> bytes:
    """Raises NotOpenedError."""
    if key_id(sealed) != key.id:
        raise NotOpenedError(f"The value was sealed under {key_id(sealed)}, not {key.id}.")
    try:
        return AESGCM(key.material).decrypt(sealed[17:_HEADER_BYTES], sealed[_HEADER_BYTES:], bytes(place))
    except InvalidTag:
        raise NotOpenedError(f"The value does not open as {bytes(place).decode()}: moved or altered.") from None


def fingerprint(value: bytes, *, key: DataKey) -> str:
    """64 bits of a keyed hash: without the key not even a short value can be found by trying."""
    subkey = HKDF(hashes.SHA256(), length=32, salt=None, info=b"stoa fingerprint 1").derive(key.material)
    return hmac.digest(subkey, value, "sha256")[:8].hex()
