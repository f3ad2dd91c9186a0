"""The protocol's values as authors build and read them (FASTMCP 0.2)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from mcp_runtime.framework.types import (
    Annotations,
    BlobResourceContents,
    EmbeddedResource,
    Icon,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
    content_from_wire,
)


def test_both_spellings_build_the_same() -> None:
    assert Icon(src="s", mimeType="image/png") == Icon(src="s", mime_type="image/png")  # type: ignore[call-arg]


def test_both_spellings_read_and_write_the_same() -> None:
    icon = Icon(src="s", mime_type="image/png")

    icon.mimeType = "image/gif"

    assert (icon.mime_type, icon.mimeType) == ("image/gif", "image/gif")


def test_what_is_absent_is_left_out_of_the_wire() -> None:
    assert TextContent(text="x").to_wire() == {"type": "text", "text": "x"}


def test_wire_names_are_the_protocols() -> None:
    tool = Tool(name="n", input_schema={}, annotations=ToolAnnotations(read_only_hint=True), meta={"k": 1})

    assert tool.to_wire() == {
        "name": "n",
        "inputSchema": {},
        "annotations": {"readOnlyHint": True},
        "_meta": {"k": 1},
    }


def test_unknown_members_are_kept() -> None:
    assert Annotations(readOnlyHint=True).to_wire() == {"readOnlyHint": True}  # type: ignore[call-arg]


def test_a_missing_member_is_named() -> None:
    with pytest.raises(TypeError, match="TextContent needs text="):
        TextContent(type="text")  # type: ignore[call-arg]


def test_plain_values_inside_become_models() -> None:
    block = EmbeddedResource(resource={"uri": "file:///x", "blob": "eA=="})  # type: ignore[arg-type]

    assert block.resource == BlobResourceContents(uri="file:///x", blob="eA==")


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "text", "text": "x", "_meta": {"a": 1}},
        {"type": "image", "data": "eA==", "mimeType": "image/png"},
        {"type": "audio", "data": "eA==", "mimeType": "audio/wav", "annotations": {"priority": 1.0}},
        {"type": "resource_link", "name": "n", "uri": "data://x"},
        {"type": "resource", "resource": {"uri": "data://x", "text": "t"}},
    ],
    ids=lambda wire: str(wire["type"]),
)
def test_content_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert content_from_wire(wire).to_wire() == wire


def test_content_of_an_unknown_kind_stays_as_it_came() -> None:
    assert content_from_wire({"type": "hologram"}) == {"type": "hologram"}


def test_the_values_may_be_fields_of_pydantic_models() -> None:
    class Letter(BaseModel):
        body: TextContent

    letter = Letter.model_validate({"body": {"type": "text", "text": "x"}})

    assert letter.body == TextContent(text="x")
    assert letter.model_dump_json() == '{"body":{"type":"text","text":"x"}}'
    assert TypeAdapter(list[TextContent]).json_schema()["items"] == {"additionalProperties": True, "type": "object"}


def test_the_methods_of_pydantic_models_are_there() -> None:
    contents = TextResourceContents(uri="data://x", text="t")

    assert contents.model_dump(by_alias=True, exclude_none=True) == {"uri": "data://x", "text": "t"}
    assert contents.model_copy(update={"text": "u"}).text == "u"
    assert TextResourceContents.model_validate({"uri": "data://x", "text": "t"}) == contents
    assert contents.model_dump_json(exclude_none=True) == '{"uri":"data://x","text":"t"}'
