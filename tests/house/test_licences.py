"""What we hand on stands in the list of licences, and goes with our own."""

from __future__ import annotations

from tests.support import licences


def test_every_package_is_listed_with_its_licence() -> None:
    listed = licences.PAGE.read_text(encoding="utf-8").splitlines()

    missing = [name for name, licence in licences.licences().items() if licences.row(name, licence) not in listed]

    assert missing == [], "run `make docs` and commit docs/reference/licences.md"
