from __future__ import annotations

from dataclasses import replace

import pytest

from tenants import envelope
from tenants.envelope import DataKey, NotOpenedError, Place
from tenants.identifiers import new_id

CANARY = b"canary-7f3a91"
PLACE = Place(new_id("ten"), "vault_secret", "sealed", new_id("sec"))


def make_key() -> DataKey:
    return envelope.new_data_key(new_id("dek"))


def test_a_sealed_value_opens_in_its_place() -> None:
    key = make_key()

    sealed = envelope.seal(CANARY, key=key, place=PLACE)

    assert envelope.unseal(sealed, key=key, place=PLACE) == CANARY


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_values_of_any_size_cost_45_bytes_more(size: int) -> None:
    key = make_key()

    sealed = envelope.seal(b"x" * size, key=key, place=PLACE)

    assert len(sealed) == size + 45
    assert envelope.unseal(sealed, key=key, place=PLACE) == b"x" * size


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, tenant_id=new_id("ten")),
        replace(PLACE, table="keys_apikey"),
        replace(PLACE, column="other"),
        replace(PLACE, row=new_id("sec")),
    ],
    ids=["tenant", "table", "column", "row"],
)
def test_a_moved_value_does_not_open(elsewhere: Place) -> None:
    key = make_key()
    sealed = envelope.seal(CANARY, key=key, place=PLACE)

    with pytest.raises(NotOpenedError, match="moved or altered"):
        envelope.unseal(sealed, key=key, place=elsewhere)


def test_a_value_altered_anywhere_does_not_open() -> None:
    key = make_key()
    sealed = envelope.seal(CANARY, key=key, place=PLACE)

    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(NotOpenedError):
            envelope.unseal(bytes(altered), key=key, place=PLACE)


def test_a_value_cut_short_does_not_open() -> None:
    key = make_key()
    sealed = envelope.seal(CANARY, key=key, place=PLACE)

    for length in range(len(sealed)):
        with pytest.raises(NotOpenedError):
            envelope.unseal(sealed[:length], key=key, place=PLACE)


def test_another_key_with_the_same_identifier_does_not_open() -> None:
    key = make_key()
    sealed = envelope.seal(CANARY, key=key, place=PLACE)

    with pytest.raises(NotOpenedError, match="moved or altered"):
        envelope.unseal(sealed, key=envelope.new_data_key(key.id), place=PLACE)


def test_equal_values_do_not_look_equal() -> None:
    key = make_key()

    assert envelope.seal(CANARY, key=key, place=PLACE) != envelope.seal(CANARY, key=key, place=PLACE)


def test_a_sealed_value_names_its_key() -> None:
    key = make_key()

    assert envelope.key_id(envelope.seal(CANARY, key=key, place=PLACE)) == key.id


@pytest.mark.parametrize("part", ["", "a|b"])
def test_a_place_with_an_ambiguous_part_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match="four non-empty parts"):
        envelope.seal(CANARY, key=make_key(), place=replace(PLACE, column=part))


def test_fingerprints_tell_equal_values_under_one_key_only() -> None:
    key = make_key()

    assert envelope.fingerprint(CANARY, key=key) == envelope.fingerprint(CANARY, key=key)
    assert envelope.fingerprint(CANARY, key=key) != envelope.fingerprint(b"other", key=key)
    assert envelope.fingerprint(CANARY, key=key) != envelope.fingerprint(CANARY, key=make_key())


def test_a_data_key_does_not_show_itself() -> None:
    key = DataKey(new_id("dek"), CANARY)

    assert CANARY.decode() not in f"{key} {key!r}"
