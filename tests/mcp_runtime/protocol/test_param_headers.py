"""Arguments that are repeated as headers (PROTOCOL T-05)."""

from __future__ import annotations

import pytest

from mcp_runtime.protocol.errors import HeaderMismatch
from mcp_runtime.protocol.param_headers import Mark, MarkError, compare, marks


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


@pytest.mark.protocol("T-05")
def test_marks_are_found_through_properties_alone() -> None:
    marked = schema(
        region={"type": "string", "x-mcp-header": "Region"},
        inner=schema(count={"type": "integer", "x-mcp-header": "Count"}),
        many={"type": "array", "items": schema(x={"type": "string", "x-mcp-header": "X"})},
        plain={"type": "string"},
    )

    assert marks(marked) == (Mark(("region",), "Region", "string"), Mark(("inner", "count"), "Count", "integer"))


@pytest.mark.protocol("T-05")
@pytest.mark.parametrize(
    "broken",
    [
        schema(a={"type": "string", "x-mcp-header": "no spaces"}),
        schema(a={"type": "string", "x-mcp-header": ""}),
        schema(a={"type": "string", "x-mcp-header": 7}),
        schema(a={"type": "number", "x-mcp-header": "A"}),
        schema(a={"type": "object", "x-mcp-header": "A"}),
        schema(a={"x-mcp-header": "A"}),
        schema(a={"type": "string", "x-mcp-header": "A"}, b={"type": "string", "x-mcp-header": "a"}),
    ],
)
def test_a_mark_that_cannot_be_kept_is_refused(broken: object) -> None:
    with pytest.raises(MarkError):
        marks(broken)


@pytest.mark.parametrize("nothing", [None, [], {}, {"properties": []}, {"properties": {"a": True}}])
def test_a_schema_without_properties_has_no_marks(nothing: object) -> None:
    assert marks(nothing) == ()


@pytest.mark.protocol("T-05")
@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("eu", "eu"),
        ("é", "=?base64?w6k=?="),
        (True, "true"),
        (False, "false"),
        (42, "42"),
        (42, "42.0"),
        (-7, "-7"),
        (2**53 + 1, "9007199254740993"),
        ("", ""),
    ],
)
def test_what_agrees_is_let_through(value: object, header: str) -> None:
    compare((Mark(("a",), "A", "any"),), {"a": header}, {"a": value})


@pytest.mark.protocol("T-05")
@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("eu", "us"),
        ("eu", "EU"),
        ("eu", None),
        ("eu", "=?base64?ZX?="),
        (None, "eu"),
        (True, "True"),
        (True, "1"),
        (42, "43"),
        (42, "x"),
        (42, "4_2"),
        (2**53 + 1, "9007199254740992"),
        ([], "[]"),
    ],
)
def test_what_disagrees_is_refused(value: object, header: str | None) -> None:
    with pytest.raises(HeaderMismatch):
        compare((Mark(("a",), "A", "any"),), {} if header is None else {"a": header}, {"a": value})
