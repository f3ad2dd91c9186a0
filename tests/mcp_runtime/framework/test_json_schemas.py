"""Tidying JSON Schemas (FASTMCP 3.13, 3.1)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_runtime.framework.functions.schemas import tidy, wrap_result


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    return []


def test_generated_titles_go_and_values_called_title_stay() -> None:
    schema = {
        "title": "T",
        "type": "object",
        "properties": {"title": {"title": "Title", "type": "string", "default": {"title": "kept"}}},
    }

    assert tidy(schema) == {
        "type": "object",
        "properties": {"title": {"type": "string", "default": {"title": "kept"}}},
    }


def test_what_stands_beside_a_reference_is_kept() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A", "description": "mine"}},
        "$defs": {"A": {"type": "string", "description": "theirs"}},
    }

    assert tidy(schema) == {"properties": {"a": {"type": "string", "description": "mine"}}}


def test_a_recursive_schema_keeps_only_what_recurses() -> None:
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Leaf": {"type": "string"},
            "Node": {
                "type": "object",
                "properties": {"leaf": {"$ref": "#/$defs/Leaf"}, "next": {"$ref": "#/$defs/Node"}},
            },
        },
    }

    assert tidy(schema) == {
        "type": "object",
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"leaf": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}},
            }
        },
    }


def test_a_schema_that_would_explode_is_left_with_its_references() -> None:
    definitions: dict[str, Any] = {"D0": {"type": "string"}}
    for level in range(1, 30):
        below = {"$ref": f"#/$defs/D{level - 1}"}
        definitions[f"D{level}"] = {"type": "object", "properties": {"a": below, "b": below}}
    schema = {"properties": {"root": {"$ref": "#/$defs/D29"}}, "$defs": definitions}

    assert tidy(schema) == schema


def test_wrapping_lifts_the_definitions_to_the_root() -> None:
    assert wrap_result({"$ref": "#/$defs/A", "$defs": {"A": {}}}) == {
        "type": "object",
        "properties": {"result": {"$ref": "#/$defs/A"}},
        "required": ["result"],
        "x-fastmcp-wrap-result": True,
        "$defs": {"A": {}},
    }


NAMES = ["A", "B", "C", "D"]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3), min_size=1))
def test_every_reference_that_is_left_has_its_definition(edges: dict[str, list[str]]) -> None:
    definitions = {
        name: {"type": "object", "properties": {f"p{i}": {"$ref": f"#/$defs/{to}"} for i, to in enumerate(targets)}}
        for name, targets in edges.items()
    }
    for targets in edges.values():
        for target in targets:
            definitions.setdefault(target, {"type": "string"})
    root = next(iter(edges))

    tidied = tidy({"properties": {"x": {"$ref": f"#/$defs/{root}"}}, "$defs": definitions})

    assert {reference.rpartition("/")[2] for reference in references(tidied)} <= set(tidied.get("$defs", {}))
