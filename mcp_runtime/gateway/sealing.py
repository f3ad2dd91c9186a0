"""What a client keeps for us between requests and must not read, change or hand to anyone: AES-256-GCM (RFC 5116)."""

from __future__ import annotations

import base64
import binascii
import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
MAX_TEXT = 128 * 1024
_NONCE_BYTES = 12


class Unsealable(ValueError):
    """Not sealed by us, or not for this purpose and caller, or changed on its way."""


class Sealer:
    """Seals values into text for URLs and JSON. Gateways that share the key open each other's."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"The sealing key has {len(key)} bytes; it needs {KEY_BYTES}.")
        self._cipher = AESGCM(key)

    def seal(self, value: object, *, bound_to: object) -> str:
        """`value` as text that opens only with the same `bound_to`: who may use it, and for what."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, msgspec.json.encode(value), _bytes(bound_to))
        return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, text: str, *, bound_to: object) -> bytes:
        """The JSON of what was sealed. Raises Unsealable."""
        if len(text) > MAX_TEXT or not text.isascii():
            raise Unsealable
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
                raise Unsealable  # a second spelling of the same bytes
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bytes(bound_to))
        except (binascii.Error, InvalidTag, ValueError):
            raise Unsealable from None


def derived_key(secret: str, purpose: str) -> bytes:
    """A sealing key from a platform's secret: the same in every process, another for every purpose (RFC 5869)."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(secret.encode())


def _bytes(bound_to: object) -> bytes:
    return msgspec.json.encode(bound_to, order="deterministic")
