"""Key-encryption keys: what wraps tenants' data keys. Ours to hold, or in a key management service that never tells.

A key is given as 32 bytes, or as `aws-kms:<ARN>`. Another service is another class with the same two methods.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from tenants.envelope import DataKey, NotOpenedError

if TYPE_CHECKING:
    from collections.abc import Mapping

KeySpec = bytes | str

AWS_KMS: Final = re.compile(r"aws-kms:(arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]{1,250})")
_AWS_SECONDS: Final = 5


class KeyServiceError(RuntimeError):
    """The key management service did not wrap or unwrap a key: it is away, or does not let us."""


class KeyEncryptionKey(Protocol):
    @property
    def id(self) -> str:
        """Names the key in 16 characters, and tells nothing about it."""

    def wrap(self, key: DataKey) -> bytes:
        """Raises KeyServiceError."""

    def unwrap(self, wrapped: bytes, *, id: str) -> DataKey:
        """Raises NotOpenedError for what another key wrapped, KeyServiceError."""


class LocalKey:
    """A key of this process, by AES key wrap (RFC 3394)."""

    def __init__(self, material: bytes) -> None:
        self._material = material
        self.id = _name(b"stoa key-encryption key\0" + material)

    def wrap(self, key: DataKey) -> bytes:
        return aes_key_wrap(self._material, key.material)

    def unwrap(self, wrapped: bytes, *, id: str) -> DataKey:
        try:
            return DataKey(id, aes_key_unwrap(self._material, wrapped))
        except InvalidUnwrap:
            raise NotOpenedError(f"The data key {id} does not unwrap: it is damaged.") from None


class AwsKmsKey:
    """A key in AWS KMS, which sees data keys and never what they seal. The data key's identifier is in the encryption
    context: a wrapped key that is put in another's place does not unwrap, and CloudTrail says which was used."""

    def __init__(self, arn: str, region: str) -> None:
        self._arn = arn
        self._region = region
        self.id = _name(b"stoa aws kms\0" + arn.encode())

    def wrap(self, key: DataKey) -> bytes:
        answer = self._ask(
            "encrypt", KeyId=self._arn, Plaintext=key.material, EncryptionContext={"stoa:data-key": key.id}
        )
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, *, id: str) -> DataKey:
        answer = self._ask("decrypt", KeyId=self._arn, CiphertextBlob=wrapped, EncryptionContext={"stoa:data-key": id})
        return DataKey(id, bytes(answer["Plaintext"]))

    def _ask(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: Mapping[str, Any] = getattr(_aws_client(self._region), operation)(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("InvalidCiphertextException", "IncorrectKeyException"):
                raise NotOpenedError("The data key does not unwrap: it is damaged, or was wrapped elsewhere.") from None
            raise KeyServiceError(f"AWS KMS refused to {operation} with {self._arn}: {code}.") from error
        except BotoCoreError as error:
            raise KeyServiceError(f"AWS KMS cannot be asked to {operation} with {self._arn}: {error}") from error
        return answer


@lru_cache(maxsize=8)
def key_encryption_key(spec: KeySpec) -> KeyEncryptionKey:
    """Raises ValueError."""
    if isinstance(spec, bytes):
        return LocalKey(spec)
    found = AWS_KMS.fullmatch(spec)
    if found is None:
        raise ValueError("A key-encryption key is 32 bytes, or aws-kms: and the ARN of a key.")
    return AwsKmsKey(found[1], found[2])


@lru_cache(maxsize=8)
def _aws_client(region: str) -> Any:
    """Finds its credentials where the AWS SDK looks: the environment, a profile, the machine's role."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise KeyServiceError("AWS KMS needs boto3: install stoa with its extra, `stoa[aws]`.") from None
    config = Config(connect_timeout=_AWS_SECONDS, read_timeout=_AWS_SECONDS, retries={"total_max_attempts": 3})
    return boto3.client("kms", region_name=region, config=config)


def _name(what: bytes) -> str:
    return hashlib.sha256(what).hexdigest()[:16]
