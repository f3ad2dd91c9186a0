from __future__ import annotations

import pytest

from controlplane.cli.arguments import parse
from controlplane.cli.errors import CliError

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "on": {"type": "boolean"},
        "city": {"type": "string"},
        "tags": {"type": "array"},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", {"a": 1}),
        ("a=one", {"a": "one"}),
        ("on=true", {"on": True}),
        ("city=1", {"city": "1"}),
        ("city=Lima=Perú: x", {"city": "Lima=Perú: x"}),
        ("city=", {"city": ""}),
        ('tags=["x"]', {"tags": ["x"]}),
        ("other=1", {"other": "1"}),
        ("other:=1", {"other": 1}),
        ('other:={"x": [1]}', {"other": {"x": [1]}}),
    ],
)
def test_text_becomes_what_the_tool_asks_for(text: str, value: object) -> None:
    assert parse([text], SCHEMA) == value


@pytest.mark.parametrize("texts", [["city"], ["=x"], ["a:=one"], ["a=1", "a=2"]])
def test_what_is_no_argument_is_refused_with_a_hint(texts: list[str]) -> None:
    with pytest.raises(CliError) as caught:
        parse(texts, SCHEMA)

    assert "-a" in caught.value.hint
