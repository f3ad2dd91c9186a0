"""FernetEncryptionWrapper: what the store inside sees is ciphertext (FASTMCP B-07, B-08).

A sealed value names the collection and key it was put under: one that was moved to another place does not open there.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import pbkdf2_hmac
from typing import Any, Protocol, SupportsFloat

from mcp_runtime.framework.errors import MissingPackage
from mcp_runtime.framework.storage.base import KeyValue, Value, encoded
from mcp_runtime.framework.storage.errors import CannotDecrypt
from mcp_runtime.framework.storage.wrappers import Wrapper

__all__ = ("FernetEncryptionWrapper", "fernet_of")

_ITERATIONS = 600_000
_MEMBER = "sealed"


class Cipher(Protocol):
    """What of `cryptography.fernet.Fernet` and `MultiFernet` is used."""

    def encrypt(self, data: bytes) -> bytes: ...
    def decrypt(self, token: bytes) -> bytes: ...


class FernetEncryptionWrapper(Wrapper):
    """`FernetEncryptionWrapper(key_value=store, fernet=Fernet(key))`, or with a passphrase and its salt.

    Put two keys into a `MultiFernet` to rotate them. With `raise_on_decryption_error=False`, what does not open counts
    as absent.
    """

    def __init__(
        self,
        key_value: KeyValue,
        *,
        fernet: Cipher | Callable[[], Cipher] | None = None,
        source_material: str | None = None,
        salt: str | None = None,
        raise_on_decryption_error: bool = True,
    ) -> None:
        super().__init__(key_value)
        if (fernet is None) == (source_material is None):
            raise ValueError("FernetEncryptionWrapper needs fernet=, or source_material= with salt=, and not both.")
        if source_material is not None and not (source_material.strip() and salt and salt.strip()):
            raise ValueError("FernetEncryptionWrapper needs a source_material= and a salt= that are not empty.")
        self._fernet = fernet
        self._passphrase = (source_material or "").encode(), (salt or "").encode()
        self._raises = raise_on_decryption_error

    @cached_property
    def cipher(self) -> Cipher:
        if self._fernet is None:
            return fernet_of(pbkdf2_hmac("sha256", *self._passphrase, _ITERATIONS))
        return self._fernet() if callable(self._fernet) else self._fernet

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        sealed, left = await super().ttl(key, collection=collection)
        if sealed is None:
            return None, None
        try:
            return self._opened(sealed, key, collection), left
        except CannotDecrypt:
            if self._raises:
                raise
            return None, None

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        encoded(value)
        text = json.dumps({"place": [collection, key], "value": dict(value)})
        sealed = {_MEMBER: self.cipher.encrypt(text.encode()).decode("ascii")}
        await super().put(key, sealed, collection=collection, ttl=ttl)

    def _opened(self, sealed: Value, key: str, collection: str | None) -> Value:
        from cryptography.fernet import InvalidToken

        token = sealed.get(_MEMBER)
        if not isinstance(token, str):
            raise CannotDecrypt("The entry is not encrypted; it was stored without this wrapper. Remove it.")
        try:
            found = json.loads(self.cipher.decrypt(token.encode()))
        except (InvalidToken, ValueError) as error:
            raise CannotDecrypt("The entry was encrypted with another key, or changed.") from error
        if found.get("place") != [collection, key]:
            raise CannotDecrypt("The entry was encrypted for another place and moved here.")
        value: Value = found["value"]
        return value


def fernet_of(key: bytes) -> Cipher:
    """A Fernet with 32 bytes of key. Raises MissingPackage."""
    try:
        from cryptography.fernet import Fernet
    except ImportError as error:
        raise MissingPackage("cryptography", "Encrypting what is stored") from error
    return Fernet(urlsafe_b64encode(key))
