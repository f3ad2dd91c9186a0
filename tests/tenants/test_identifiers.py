from __future__ import annotations

import subprocess
import sys

import pytest

from tenants.identifiers import ID_LENGTH, is_id, is_slug, new_id


def test_identifiers_sort_by_the_time_they_were_made() -> None:
    made = [new_id("srv") for _ in range(3)]

    assert len(set(made)) == 3
    assert [identifier[:14] for identifier in made] == sorted(identifier[:14] for identifier in made)


def test_the_longest_identifier_fits() -> None:
    assert len(new_id("epv")) == ID_LENGTH


@pytest.mark.parametrize(
    "value",
    ["", "acme", "srv_", "srv_01", "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV", "srv_81ARZ3NDEKTSV4RRFFQ69G5FAV", "srv_01arz3"],
)
def test_what_is_no_identifier_is_told_apart(value: str) -> None:
    assert not is_id(value, "srv")


def test_an_identifier_is_recognised() -> None:
    assert is_id(new_id("srv"), "srv")


def test_an_identifier_is_never_a_slug() -> None:
    assert not is_slug(new_id("srv"))
    assert not is_slug(new_id("srv").lower())


def test_the_principal_imports_no_django() -> None:
    code = "import sys, tenants.principal; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
