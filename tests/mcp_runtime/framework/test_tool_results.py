"""What a tool returns, and what the client gets (FASTMCP T-20 to T-31)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from mcp_runtime.client import Client
from mcp_runtime.framework import Audio, FastMCP, File, Image
from mcp_runtime.framework.components import ToolResult
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.types import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)


class Person(BaseModel):
    name: str


@dataclass
class Point:
    x: int
    y: int


class Mapping(TypedDict):
    a: int


async def result_of(function: Any, **options: Any) -> Any:
    mcp = FastMCP()
    mcp.tool(function, name="it", **options)
    async with Client(mcp) as client:
        return await client.call_tool("it")


def returning(value: Any, annotation: Any = None) -> Any:
    def it() -> Any:
        return value

    if annotation is None:
        del it.__annotations__["return"]
    else:
        it.__annotations__["return"] = annotation
    return it


@pytest.mark.fastmcp("T-20", "T-25", "T-26", "T-27", "T-29")
@pytest.mark.parametrize(
    ("value", "annotation", "texts", "structured"),
    [
        pytest.param("hi", str, ["hi"], {"result": "hi"}, id="T-20 annotated"),
        pytest.param("hi", None, ["hi"], None, id="T-20 bare"),
        pytest.param({"a": 1}, None, ['{"a":1}'], {"a": 1}, id="T-25 dict"),
        pytest.param({"a": 1}, dict[str, Any], ['{"a":1}'], {"a": 1}, id="T-25 annotated dict"),
        pytest.param(Person(name="Ada"), None, ['{"name":"Ada"}'], {"name": "Ada"}, id="T-25 model"),
        pytest.param(Point(1, 2), Point, ['{"x":1,"y":2}'], {"x": 1, "y": 2}, id="T-25 dataclass"),
        pytest.param({"a": 1}, Mapping, ['{"a":1}'], {"a": 1}, id="T-25 TypedDict"),
        pytest.param([1, 2], None, ["[1,2]"], None, id="T-26 bare list"),
        pytest.param([1, 2], list[int], ["[1,2]"], {"result": [1, 2]}, id="T-26 list"),
        pytest.param(["a", 1], list, ['["a",1]'], {"result": ["a", 1]}, id="T-26 plain list"),
        pytest.param(None, None, [], None, id="T-27"),
        pytest.param(5, int, ["5"], {"result": 5}, id="T-29 int"),
        pytest.param(True, bool, ["true"], {"result": True}, id="T-29 bool"),
        pytest.param(
            datetime.date(2026, 1, 2), datetime.date, ['"2026-01-02"'], {"result": "2026-01-02"}, id="T-29 date"
        ),
        pytest.param({1}, set[int], ["[1]"], {"result": [1]}, id="T-29 set"),
    ],
)
async def test_a_value_becomes_text_and_structure(
    value: Any, annotation: Any, texts: list[str], structured: Any
) -> None:
    result = await result_of(returning(value, annotation))

    assert [block.text for block in result.content] == texts
    assert result.structured_content == structured


@pytest.mark.fastmcp("T-21", status="document")
async def test_bytes_become_an_embedded_blob() -> None:
    result = await result_of(returning(b"hi", bytes))

    assert isinstance(result.content[0], EmbeddedResource)
    assert result.content[0].resource == BlobResourceContents(
        uri="resource:///it", mime_type="application/octet-stream", blob="aGk="
    )
    assert result.structured_content is None


@pytest.mark.fastmcp("T-21", status="safer")
async def test_bytes_that_are_not_text_are_no_error() -> None:
    result = await result_of(returning(b"\xff\xfe"))

    assert result.content[0].resource.blob == "//4="


@pytest.mark.fastmcp("T-22", "T-23", "T-24", "T-28")
@pytest.mark.parametrize(
    ("value", "block"),
    [
        pytest.param(Image(data=b"x"), ImageContent(data="eA==", mime_type="image/png"), id="T-22 default"),
        pytest.param(Image(data=b"x", format="jpeg"), ImageContent(data="eA==", mime_type="image/jpeg"), id="T-22"),
        pytest.param(Audio(data=b"x"), AudioContent(data="eA==", mime_type="audio/wav"), id="T-23"),
        pytest.param(
            File(data=b"x", format="pdf", name="report"),
            EmbeddedResource(
                resource=BlobResourceContents(uri="file:///report.pdf", mime_type="application/pdf", blob="eA==")
            ),
            id="T-24 blob",
        ),
        pytest.param(
            File(data=b"x", format="plain", name="note"),
            EmbeddedResource(resource=TextResourceContents(uri="file:///note.plain", mime_type="text/plain", text="x")),
            id="T-24 text",
        ),
        pytest.param(TextContent(type="text", text="as is"), TextContent(text="as is"), id="T-28"),
    ],
)
async def test_media_and_blocks_become_content_without_structure(value: Any, block: Any) -> None:
    result = await result_of(returning(value, type(value)))

    assert result.content == [block]
    assert result.structured_content is None


@pytest.mark.fastmcp("T-22")
async def test_an_image_file_is_typed_by_its_extension(tmp_path: Path) -> None:
    (tmp_path / "dot.gif").write_bytes(b"GIF89a")

    result = await result_of(returning(Image(path=tmp_path / "dot.gif")))

    assert result.content[0].mime_type == "image/gif"


@pytest.mark.fastmcp("T-22", "T-23", "T-24")
@pytest.mark.parametrize("kind", [Image, Audio, File])
def test_media_take_a_path_or_data(kind: Any) -> None:
    with pytest.raises(ValueError, match="either path= or data="):
        kind()
    with pytest.raises(ValueError, match="either path= or data="):
        kind(path="x", data=b"x")


@pytest.mark.fastmcp("T-26")
async def test_a_list_with_content_in_it_becomes_several_blocks() -> None:
    result = await result_of(returning(["look", Image(data=b"x"), {"a": 1}]))

    assert [block.type for block in result.content] == ["text", "image", "text"]
    assert result.structured_content is None


@pytest.mark.fastmcp("T-30")
async def test_a_dataclass_has_an_object_schema_and_comes_back_rebuilt() -> None:
    mcp = FastMCP()
    mcp.tool(returning(Point(1, 2), Point), name="point")

    async with Client(mcp) as client:
        schema = (await client.list_tools())[0].output_schema
        data = (await client.call_tool("point")).data

    assert schema is not None
    assert (schema["type"], schema["required"]) == ("object", ["x", "y"])
    assert (type(data).__name__, data.x, data.y) == ("Root", 1, 2)


@pytest.mark.fastmcp("T-30")
async def test_other_results_are_wrapped_and_the_wrapping_is_said() -> None:
    mcp = FastMCP()
    mcp.tool(returning([1], list[int]), name="numbers")

    async with Client(mcp) as client:
        schema = (await client.list_tools())[0].output_schema
        result = await client.call_tool("numbers")

    assert schema == {
        "type": "object",
        "properties": {"result": {"type": "array", "items": {"type": "integer"}}},
        "required": ["result"],
        "x-fastmcp-wrap-result": True,
    }
    assert (result.data, result.meta) == ([1], {"fastmcp": {"wrap_result": True}})


@pytest.mark.fastmcp("T-27", "T-30")
async def test_an_optional_result_that_is_absent_fits_its_schema() -> None:
    """Clients refuse a declared structure that is missing."""
    result = await result_of(returning(None, str | None))

    assert (result.content, result.structured_content, result.data) == ([], {"result": None}, None)


@pytest.mark.fastmcp("T-11")
@pytest.mark.parametrize("options", [{"output_schema": None}, {"output_schema": False}, {"structured_output": False}])
async def test_no_output_schema_means_no_structure(options: dict[str, Any]) -> None:
    result = await result_of(returning({"a": 1}, dict[str, int]), **options)

    assert result.structured_content is None


@pytest.mark.fastmcp("T-30")
def test_an_output_schema_describes_an_object() -> None:
    with pytest.raises(ValueError, match="describes an object"):
        FastMCP().tool(returning(1), name="it", output_schema={"type": "integer"})


@pytest.mark.fastmcp("T-30")
async def test_a_promised_object_that_does_not_come_is_an_error() -> None:
    with pytest.raises(ToolError, match="promises an object, and it returned int"):
        await result_of(returning(1), output_schema={"type": "object"})


@pytest.mark.fastmcp("T-31")
async def test_a_tool_result_goes_out_as_it_is() -> None:
    result = await result_of(
        returning(
            ToolResult(
                content=[TextContent(type="text", text="Summary")],
                structured_content={"count": 42},
                meta={"ms": 145},
            ),
            ToolResult,
        )
    )

    assert result.content == [TextContent(text="Summary")]
    assert (result.structured_content, result.meta) == ({"count": 42}, {"ms": 145})


@pytest.mark.fastmcp("T-31")
def test_a_tool_results_content_defaults_to_its_structure() -> None:
    result = ToolResult(structured_content={"a": 1})

    assert [block.text for block in result.content] == ['{"a":1}']


@pytest.mark.fastmcp("T-31")
def test_a_tool_result_needs_something() -> None:
    with pytest.raises(ValueError, match="needs content=, structured_content= or both"):
        ToolResult()


@pytest.mark.fastmcp("T-31")
def test_a_tool_results_structure_is_an_object() -> None:
    with pytest.raises(ValueError, match="put the value under a name"):
        ToolResult(structured_content=[1])


@pytest.mark.fastmcp("S-11")
async def test_a_serializer_writes_the_text() -> None:
    mcp = FastMCP(tool_serializer=lambda value: f"<{value}>")
    mcp.tool(returning(5, int), name="it")

    async with Client(mcp) as client:
        result = await client.call_tool("it")

    assert (result.content[0].text, result.data) == ("<5>", 5)


async def test_integers_beyond_64_bits_keep_their_digits_in_the_text() -> None:
    result = await result_of(returning(2**70, int))

    assert (result.content[0].text, result.data) == (str(2**70), float(2**70))


async def test_a_value_json_cannot_write_is_told_by_its_text() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    result = await result_of(returning({"it": Odd()}))

    assert result.structured_content == {"it": "odd"}


async def test_a_value_that_holds_itself_is_an_error_and_not_a_crash() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(ToolError, match="Circular reference"):
        await result_of(returning(loop))
