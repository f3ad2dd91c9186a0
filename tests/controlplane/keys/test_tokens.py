from __future__ import annotations

import re

import pytest

from controlplane.keys import tokens


def test_a_key_has_the_documented_form() -> None:
    text = tokens.new_token().reveal()

    assert re.fullmatch(r"stoa_[a-z2-7]{8}_[A-Za-z0-9_-]{43}[0-9a-f]{6}", text)


def test_a_key_is_read_back() -> None:
    token = tokens.new_token()

    assert tokens.parse(token.reveal()) == token


def test_no_two_keys_are_alike() -> None:
    made = {tokens.new_token().reveal() for _ in range(100)}

    assert len(made) == 100


def test_a_typo_anywhere_is_told_by_the_checksum() -> None:
    text = tokens.new_token().reveal()

    for position in range(len(text)):
        other = "a" if text[position] != "a" else "b"
        assert tokens.parse(text[:position] + other + text[position + 1 :]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text[:20] + text[21] + text[20] + text[22:] if text[20] != text[21] else "",
        lambda text: text * 1000,
        lambda text: text.replace("stoa_", "stoa_\0", 1),
    ],
)
def test_another_form_is_no_key(change: object) -> None:
    assert callable(change)

    assert tokens.parse(change(tokens.new_token().reveal())) is None


def test_the_secret_does_not_show_itself() -> None:
    token = tokens.new_token()

    assert token.secret not in f"{token} {token!r}"
