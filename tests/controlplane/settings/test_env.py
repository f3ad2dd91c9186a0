from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from controlplane import env
from controlplane.variables import Kind, Variable

CANARY = "canary-91b2"


def variable(kind: Kind = "text", **facts: Any) -> Variable:
    return Variable(name="STOA_X", kind=kind, meaning="For a test.", **facts)


SECRET = variable("secret", is_secret=True)
DATABASE = variable("url", is_secret=True, allowed=("postgresql",))
KEY = variable("key", is_secret=True)


def test_a_missing_variable_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOA_X", raising=False)

    with pytest.raises(ImproperlyConfigured, match=r"^STOA_X is not set\. Give the port\.$"):
        env.text(variable(remedy="Give the port."))


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_counts_as_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STOA_X", value)

    assert env.text(variable(default="d")) == "d"
    with pytest.raises(ImproperlyConfigured):
        env.text(variable())


def test_a_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    monkeypatch.setenv("STOA_X_FILE", str(tmp_path / "secret"))

    assert env.text(SECRET) == CANARY


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STOA_X", CANARY)
    monkeypatch.setenv("STOA_X_FILE", str(tmp_path / "secret"))

    with pytest.raises(ImproperlyConfigured, match="set twice") as caught:
        env.text(SECRET)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff", "UTF-8")])
def test_a_bad_secret_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("STOA_X_FILE", str(tmp_path / "secret"))

    with pytest.raises(ImproperlyConfigured, match=rf"STOA_X_FILE=.*{problem}"):
        env.text(SECRET)


def test_an_unknown_choice_names_the_allowed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", "staging")

    with pytest.raises(ImproperlyConfigured, match=r"STOA_X='staging' is not a known value\. Allowed: a, b\."):
        env.choice(variable("choice", allowed=("a", "b"), default="a"))


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "11", "٣", "1e1"])
def test_a_number_out_of_range_names_the_range(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STOA_X", value)

    with pytest.raises(ImproperlyConfigured, match="from 0 to 10"):
        env.integer(variable("integer", default="5", least=0, most=10))


def test_words_are_parted_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", " a, b ,,c ")

    assert env.words(variable("words")) == ["a", "b", "c"]


def test_a_relative_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", "state")

    with pytest.raises(ImproperlyConfigured, match="relative path"):
        env.path(variable("path", default="/state"))


def test_a_url_of_another_scheme_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", f"mysql://root:{CANARY}@db/stoa")

    with pytest.raises(ImproperlyConfigured, match="postgresql://") as caught:
        env.url(DATABASE)
    assert CANARY not in str(caught.value)


def test_a_key_is_32_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", base64.b64encode(bytes(range(32))).decode())

    assert env.key(KEY) == bytes(range(32))


@pytest.mark.parametrize("value", [base64.b64encode(b"x" * 31).decode(), "%%%", "x" * 32])
def test_another_key_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STOA_X", value)

    with pytest.raises(ImproperlyConfigured, match="exactly 32 bytes") as caught:
        env.key(KEY)
    assert value not in str(caught.value)


@pytest.mark.parametrize(("value", "read"), [("10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]), ("none", [])])
def test_networks_are_read_or_turned_off(monkeypatch: pytest.MonkeyPatch, value: str, read: list[str]) -> None:
    monkeypatch.setenv("STOA_X", value)

    assert env.networks(variable("networks", default="127.0.0.1")) == read


def test_what_is_no_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_X", "10.0.0.0/8,intranet")

    with pytest.raises(ImproperlyConfigured, match="STOA_X='intranet' is no network"):
        env.networks(variable("networks"))


def test_a_variable_that_is_not_in_the_table_cannot_be_read() -> None:
    with pytest.raises(KeyError):
        env.text("STOA_NEW")
