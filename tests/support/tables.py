"""Compatibility tables: which test shows which row of a reference, read from the tests' marks.

    python -m tests.support.tables            write docs/reference/fastmcp.md and its like
    python -m tests.support.tables --check    say what differs or is missing, and write nothing

A row list is a TOML file of areas, each `id = "what it is, in our words"`. A test names the rows it shows with
`@pytest.mark.<table>("id", …, status="…")`; cases that a test runs by table do it with `@case(number, "id", …)`. Marks
are found in the source, without importing it: a table is the same on every machine, whatever is installed.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SHOWN = 3
"""Tests named in a row; how many more there are is said."""

FASTMCP_STATUSES = {
    "same": "as the library does",
    "document": "as the document says, where the library differs",
    "safer": "deliberately different from the library, for safety or speed",
    "later": "a spelling of later majors of the library",
}
PROTOCOL_STATUSES = {
    "kept": "as the specification says",
    "decided": "the specification leaves it open: docs/decisions says how and why",
    "later": "belongs to what the platform does not declare yet; the tests show that it is refused or does not exist",
}


@dataclass(frozen=True)
class Table:
    marker: str
    title: str
    introduction: str
    rows: Path
    page: Path
    statuses: Mapping[str, str]
    """What a mark may say, and what that means. The first goes without saying."""
    decorators: tuple[str, ...] = ()
    """Names of decorators, beside the marker, whose texts are rows."""


@dataclass(order=True)
class Mark:
    """One test, or one module, that shows a row."""

    test: str
    status: str


@dataclass
class Marks:
    by_row: dict[str, list[Mark]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


FASTMCP = Table(
    marker="fastmcp",
    title="Compatibility with FastMCP",
    introduction=(
        "What a server written for FastMCP finds here, behaviour by behaviour, and the tests that show it. The "
        "inventory is that of the document in `tests/contract/fastmcp_document.txt`, whose blocks are all run by "
        "`tests/contract/test_document.py`, and of the library in its generations 2 to 4."
    ),
    rows=TESTS / "contract" / "fastmcp_rows.toml",
    page=ROOT / "docs" / "reference" / "fastmcp.md",
    statuses=FASTMCP_STATUSES,
    decorators=("case",),
)
PROTOCOL = Table(
    marker="protocol",
    title="Conformance with the MCP revisions",
    introduction=(
        "The rules of the protocol's revisions, 2024-11-05 to 2026-07-28, and the tests that show them. The official "
        "suite runs beside them, against one gateway and against two (`tests/conformance`)."
    ),
    rows=TESTS / "contract" / "protocol_rows.toml",
    page=ROOT / "docs" / "reference" / "protocol.md",
    statuses=PROTOCOL_STATUSES,
)
TABLES = (FASTMCP, PROTOCOL)


def rows(table: Table) -> dict[str, dict[str, str]]:
    """Areas, each with its rows in order."""
    found: dict[str, dict[str, str]] = tomllib.loads(table.rows.read_text(encoding="utf-8"))
    return found


def marks(table: Table, tests: Path = TESTS) -> Marks:
    """All marks of a table. Faults are ids that the row list lacks and statuses that do not exist."""
    usual = next(iter(table.statuses))
    known = {row for area in rows(table).values() for row in area}
    found = Marks()
    for path in sorted(tests.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not any(name in source for name in (f"mark.{table.marker}", *(f"@{name}(" for name in table.decorators))):
            continue
        where = path.relative_to(tests.parent).as_posix()
        for test, call in _calls(ast.parse(source), table):
            name = f"{where}::{test}" if test else where
            status = next((_text(word.value) for word in call.keywords if word.arg == "status"), usual)
            if status is not None and status not in table.statuses:
                found.faults.append(f"{name}: status={status!r} is none of {', '.join(table.statuses)}.")
            for row in filter(None, map(_text, call.args)):
                if row not in known:
                    found.faults.append(f"{name}: {row} is not in {table.rows.name}.")
                else:
                    found.by_row.setdefault(row, []).append(Mark(name, status or usual))
    return found


def empty(table: Table) -> list[str]:
    """Rows that no test shows."""
    shown = marks(table).by_row
    return [row for area in rows(table).values() for row in area if row not in shown]


def page(table: Table) -> str:
    """The table as a page of the reference."""
    shown = marks(table).by_row
    lines = [f"# {table.title}", "", "<!-- Made by `make docs` from the marks of the tests; not to be edited. -->", ""]
    lines += [table.introduction, "", "| Status | Meaning |", "|---|---|"]
    lines += [f"| {status} | {meaning} |" for status, meaning in table.statuses.items()]
    for area, items in rows(table).items():
        lines += ["", f"## {area}", "", "| Row | Behaviour | Status | Shown by |", "|---|---|---|---|"]
        for row, item in items.items():
            tests = sorted(shown.get(row, []))
            statuses = [status for status in table.statuses if any(mark.status == status for mark in tests)]
            escaped = item.replace("|", "\\|")
            lines.append(f"| {row} | {escaped} | {', '.join(statuses)} | {_shown_by(tests)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    status = 0
    for table in TABLES:
        for fault in marks(table).faults:
            print(fault, file=sys.stderr)
            status = 1
        text = page(table)
        if "--check" not in arguments:
            table.page.write_text(text, encoding="utf-8")
        elif not table.page.exists() or table.page.read_text(encoding="utf-8") != text:
            print(f"{table.page.relative_to(ROOT)} is not what the tests say: run `make docs`.", file=sys.stderr)
            status = 1
        for row in empty(table):
            print(f"{table.page.name}: no test shows {row}.", file=sys.stderr)
    return status


def _calls(tree: ast.Module, table: Table) -> Iterator[tuple[str, ast.Call]]:
    """Each mark with the name of the test whose decorators hold it, or of its class; "" for a whole module."""
    held: set[ast.Call] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                for call in _marks_in(decorator, table):
                    held.add(call)
                    yield node.name, call
    for call in _marks_in(tree, table):
        if call not in held:
            yield "", call


def _marks_in(tree: ast.AST, table: Table) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_mark(node.func, table):
            yield node


def _is_mark(function: ast.expr, table: Table) -> bool:
    if isinstance(function, ast.Name):
        return function.id in table.decorators
    return (
        isinstance(function, ast.Attribute)
        and function.attr == table.marker
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "mark"
    )


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _shown_by(tests: list[Mark]) -> str:
    names = list(dict.fromkeys(mark.test for mark in tests))
    named = [f"`{name.removeprefix('tests/')}`" for name in names[:SHOWN]]
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*named, *more])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
