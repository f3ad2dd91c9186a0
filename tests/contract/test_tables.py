"""The compatibility tables are made from the tests, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import tables
from tests.support.tables import TABLES, Table


@pytest.mark.parametrize("table", TABLES, ids=[table.marker for table in TABLES])
def test_every_mark_names_a_row_and_a_status_that_exist(table: Table) -> None:
    assert tables.marks(table).faults == []


@pytest.mark.parametrize("table", TABLES, ids=[table.marker for table in TABLES])
def test_the_page_is_what_the_tests_say(table: Table) -> None:
    assert table.page.read_text(encoding="utf-8") == tables.page(table), "Run `make docs`, and commit the page."


@pytest.mark.parametrize("table", TABLES, ids=[table.marker for table in TABLES])
def test_no_row_is_empty(table: Table) -> None:
    assert tables.empty(table) == []


def test_the_fastmcp_inventory_has_all_its_rows() -> None:
    areas = tables.rows(tables.FASTMCP).values()

    counts: dict[str, int] = {}
    for row in [row for area in areas for row in area]:
        counts[row.partition("-")[0]] = counts.get(row.partition("-")[0], 0) + 1
    assert counts == {
        "I": 2, "S": 11, "T": 33, "R": 25, "P": 17, "C": 18, "CL": 21, "A": 15, "X": 4, "L": 3, "M": 21, "K": 9,
        "B": 10, "D": 11, "G": 42,
    }  # fmt: skip


def test_the_protocols_rules_are_all_there() -> None:
    areas = tables.rows(tables.PROTOCOL).values()

    assert sum(map(len, areas)) == 167


def test_marks_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text(
        """
pytestmark = pytest.mark.fastmcp("S-01")

@pytest.mark.fastmcp("T-01", "T-02", status="safer")
def test_a(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.fastmcp("T-01"))])
def test_b(x): ...

@case(3, "T-99")
def c(): ...
"""
    )

    found = tables.marks(tables.FASTMCP, tmp_path / "tests")

    assert [mark.test for mark in found.by_row["S-01"]] == ["tests/test_one.py"]
    assert [(mark.test, mark.status) for mark in found.by_row["T-01"]] == [
        ("tests/test_one.py::test_a", "safer"),
        ("tests/test_one.py::test_b", "same"),
    ]
    assert found.faults == ["tests/test_one.py::c: T-99 is not in fastmcp_rows.toml."]
