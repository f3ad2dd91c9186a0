"""Key-encryption keys: the same promises, whoever holds the key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tenants import envelope, key_encryption
from tenants.envelope import DataKey, NotOpenedError
from tenants.identifiers import new_id
from tenants.key_encryption import AwsKmsKey, KeyEncryptionKey, KeyServiceError, LocalKey, key_encryption_key


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """AWS KMS as moto plays it, with one region's client."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    key_encryption._aws_client.cache_clear()
    with mock_aws():
        yield key_encryption._aws_client("eu-central-1")
    key_encryption._aws_client.cache_clear()


@pytest.fixture(params=["local", "aws"])
def two_keys(request: pytest.FixtureRequest) -> tuple[KeyEncryptionKey, KeyEncryptionKey]:
    if request.param == "local":
        return LocalKey(b"k" * 32), LocalKey(b"l" * 32)
    client = request.getfixturevalue("aws")
    arns = [client.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    return AwsKmsKey(arns[0], "eu-central-1"), AwsKmsKey(arns[1], "eu-central-1")


def make_key() -> DataKey:
    return envelope.new_data_key(new_id("dek"))


def test_a_wrapped_key_unwraps_under_the_same_key_only(two_keys: tuple[KeyEncryptionKey, KeyEncryptionKey]) -> None:
    one, other = two_keys
    key = make_key()
    wrapped = one.wrap(key)

    assert one.unwrap(wrapped, id=key.id) == key
    with pytest.raises((NotOpenedError, KeyServiceError)):  # AWS may say no more than that it will not
        other.unwrap(wrapped, id=key.id)


def test_what_is_wrapped_holds_no_key(two_keys: tuple[KeyEncryptionKey, KeyEncryptionKey]) -> None:
    key = make_key()

    assert key.material not in two_keys[0].wrap(key)


def test_keys_have_names_of_their_own(two_keys: tuple[KeyEncryptionKey, KeyEncryptionKey]) -> None:
    one, other = two_keys

    assert one.id != other.id
    assert len(one.id) == 16


def test_a_key_in_aws_kms_unwraps_as_the_key_that_it_was_only(aws: Any) -> None:
    arn = aws.create_key()["KeyMetadata"]["Arn"]
    kms = AwsKmsKey(arn, "eu-central-1")
    wrapped = kms.wrap(make_key())

    with pytest.raises(NotOpenedError):
        kms.unwrap(wrapped, id=new_id("dek"))


def test_a_refusal_of_aws_kms_is_told_with_its_code(aws: Any) -> None:
    missing = AwsKmsKey("arn:aws:kms:eu-central-1:123456789012:key/none", "eu-central-1")

    with pytest.raises(KeyServiceError, match=r"refused to encrypt .*NotFoundException"):
        missing.wrap(make_key())


@pytest.mark.parametrize("spec", ["aws-kms:", "aws-kms:arn:aws:s3:eu-central-1:1:key/x", "vault:x", ""])
def test_a_name_of_no_key_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="32 bytes, or aws-kms"):
        key_encryption_key(spec)
