"""Resources and templates (FASTMCP R-01 to R-41)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import (
    BinaryResource,
    DirectoryResource,
    FileResource,
    HttpResource,
    Resource,
    TextResource,
)
from mcp_runtime.framework.errors import ResourceError
from mcp_runtime.framework.resource_contents import ResourceContent, ResourceResult
from mcp_runtime.framework.types import BlobResourceContents, TextResourceContents
from mcp_runtime.protocol.errors import McpError, UnknownResource


class Weather(BaseModel):
    degrees: int


async def read(mcp: FastMCP, uri: str) -> list[Any]:
    async with Client(mcp) as client:
        return await client.read_resource(uri)


@pytest.mark.fastmcp("R-01")
async def test_a_resource_runs_on_every_read() -> None:
    mcp, reads = FastMCP(), []

    @mcp.resource("weather://current")
    def current() -> str:
        """Now."""
        reads.append(1)
        return str(len(reads))

    async with Client(mcp) as client:
        listed = (await client.list_resources())[0]
        await client.read_resource("weather://current")
        second = await client.read_resource("weather://current")
    assert (listed.uri, listed.name, listed.description, listed.mime_type) == (
        "weather://current",
        "current",
        "Now.",
        "text/plain",
    )
    assert second == [TextResourceContents(uri="weather://current", mime_type="text/plain", text="2")]


@pytest.mark.fastmcp("R-01")
def test_a_resource_without_its_uri_is_refused_with_a_hint() -> None:
    mcp = FastMCP()

    with pytest.raises(TypeError, match="needs its URI"):

        @mcp.resource
        def current() -> str:
            return ""


@pytest.mark.fastmcp("R-01", status="safer")
async def test_one_function_may_stand_behind_two_uris() -> None:
    """The real library fails at it."""
    mcp = FastMCP()

    @mcp.resource("data://new/{name}")
    @mcp.resource("data://old/{name}")
    def item(name: str) -> str:
        return name

    assert (await read(mcp, "data://old/a"))[0].text == "a"
    assert (await read(mcp, "data://new/b"))[0].text == "b"


@pytest.mark.fastmcp("R-02")
def test_a_uri_has_a_scheme() -> None:
    with pytest.raises(ValueError, match="needs a scheme, as in 'data://config'"):
        FastMCP().resource("config")


@pytest.mark.fastmcp("R-03", "R-04", "R-05", "R-06", "R-07", "R-08", "R-09")
async def test_what_the_decorator_says_is_listed() -> None:
    mcp = FastMCP()

    @mcp.resource(
        "data://x",
        name="ex",
        title="Ex",
        description="An x.",
        mime_type="application/xml",
        tags={"t"},
        annotations={"audience": ["user"], "readOnlyHint": True},
        meta={"k": 1},
    )
    def x() -> str:
        return "<x/>"

    async with Client(mcp) as client:
        listed = (await client.list_resources())[0]
    assert (listed.name, listed.title, listed.description, listed.mime_type) == (
        "ex",
        "Ex",
        "An x.",
        "application/xml",
    )
    assert listed.annotations is not None
    assert listed.annotations.to_wire() == {"audience": ["user"], "readOnlyHint": True}
    assert listed.meta == {"k": 1, "_fastmcp": {"tags": ["t"]}}


@pytest.mark.fastmcp("R-07")
async def test_a_disabled_resource_is_unknown() -> None:
    mcp = FastMCP()
    mcp.resource("e://x", enabled=False, name="x")(lambda: "x")

    with pytest.raises(UnknownResource, match="e://x"):
        await read(mcp, "e://x")


async def test_a_hidden_resource_is_not_found_under_a_template_either() -> None:
    """FASTMCP 3.1"""
    mcp = FastMCP()
    mcp.resource("e://x", enabled=False, name="x")(lambda: "secret")
    mcp.resource("e://{name}", name="any")(lambda name: "leak")

    with pytest.raises(UnknownResource):
        await read(mcp, "e://x")


@pytest.mark.fastmcp("R-20", "R-21")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("hi", "hi", id="R-20"),
        pytest.param({"a": 1}, '{"a":1}', id="R-21 dict"),
        pytest.param([1, 2], "[1,2]", id="R-21 list"),
        pytest.param(Weather(degrees=3), '{"degrees":3}', id="R-21 model"),
    ],
)
async def test_values_become_text(value: Any, text: str) -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda: value)

    assert await read(mcp, "data://x") == [TextResourceContents(uri="data://x", mime_type="text/plain", text=text)]


@pytest.mark.fastmcp("R-22")
async def test_bytes_become_a_blob() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x", mime_type="image/png")(lambda: b"hi")

    assert await read(mcp, "data://x") == [BlobResourceContents(uri="data://x", mime_type="image/png", blob="aGk=")]


@pytest.mark.fastmcp("R-23", status="document")
async def test_none_is_no_contents() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda: None)

    assert await read(mcp, "data://x") == []


@pytest.mark.fastmcp("R-24")
async def test_a_returned_resource_is_read_in_turn() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda: TextResource(uri="data://y", text="inner", mime_type="text/html"))

    assert await read(mcp, "data://x") == [TextResourceContents(uri="data://x", mime_type="text/html", text="inner")]


async def test_several_contents_keep_their_types_and_order() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(
        lambda: ResourceResult([ResourceContent("a"), ResourceContent(b"b", mime_type="image/png")])
    )

    first, second = await read(mcp, "data://x")
    assert (first.text, first.mime_type) == ("a", "text/plain")
    assert (second.blob, second.mime_type) == ("Yg==", "image/png")


@pytest.mark.fastmcp("R-40", "C-01")
async def test_resources_may_be_asynchronous_and_take_the_context() -> None:
    mcp = FastMCP("named")

    @mcp.resource("data://x")
    async def x(ctx: Context) -> str:
        return ctx.fastmcp.name

    assert (await read(mcp, "data://x"))[0].text == "named"


@pytest.mark.fastmcp("T-16")
async def test_synchronous_resources_run_in_threads() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda: str(threading.current_thread() is threading.main_thread()))

    assert (await read(mcp, "data://x"))[0].text == "False"


@pytest.mark.fastmcp("R-10")
async def test_a_template_captures_one_decoded_segment() -> None:
    mcp = FastMCP()

    @mcp.resource("users://{user_id}/profile")
    def profile(user_id: int) -> dict[str, int]:
        return {"id": user_id}

    async with Client(mcp) as client:
        assert [template.uri_template for template in await client.list_resource_templates()] == [
            "users://{user_id}/profile"
        ]
        assert json.loads((await client.read_resource("users://7/profile"))[0].text) == {"id": 7}


@pytest.mark.fastmcp("R-10", "R-41")
async def test_what_no_template_matches_is_unknown() -> None:
    mcp = FastMCP()
    mcp.resource("users://{name}/profile", name="p")(lambda name: name)

    with pytest.raises(UnknownResource) as refused:
        await read(mcp, "users://a/b/profile")
    assert (refused.value.code, refused.value.data) == (-32602, {"uri": "users://a/b/profile"})


@pytest.mark.fastmcp("R-11")
async def test_a_wildcard_captures_slashes() -> None:
    mcp = FastMCP()
    mcp.resource("files://{path*}", name="f")(lambda path: path)

    assert (await read(mcp, "files://a/b%20c/d.txt"))[0].text == "a/b c/d.txt"


@pytest.mark.fastmcp("R-11", status="safer")
@pytest.mark.parametrize("path", ["../secret", "a/%2e%2e/b", "/etc/passwd", "%2Fetc/passwd", "a%00b"])
async def test_a_path_that_climbs_matches_nothing(path: str) -> None:
    """The document's own example publishes the file system."""
    mcp = FastMCP()
    mcp.resource("files://{path*}", name="f")(lambda path: "leak")

    with pytest.raises(UnknownResource):
        await read(mcp, f"files://{path}")


@pytest.mark.fastmcp("R-12")
@pytest.mark.parametrize(
    ("query", "answer"),
    [("", [None, 10]), ("?limit=3", [None, 3]), ("?filter=a&limit=2&filter=b", ["a", 2]), ("?other=1", [None, 10])],
)
async def test_query_parameters_are_optional(query: str, answer: list[Any]) -> None:
    mcp = FastMCP()

    @mcp.resource("data://items{?filter,limit}")
    def items(filter: str | None = None, limit: int = 10) -> list[Any]:
        return [filter, limit]

    assert json.loads((await read(mcp, f"data://items{query}"))[0].text) == answer


@pytest.mark.fastmcp("R-12")
async def test_a_bad_query_value_is_an_error() -> None:
    mcp = FastMCP()
    mcp.resource("data://items{?limit}", name="i")(_limited)

    with pytest.raises(McpError, match="valid integer"):
        await read(mcp, "data://items?limit=many")


def _limited(limit: int = 1) -> int:
    return limit


@pytest.mark.fastmcp("R-12", "R-13")
@pytest.mark.parametrize(
    ("uri", "function", "complaint"),
    [
        ("data://{a}", lambda: 1, "no parameter of its function"),
        ("data://x{?a}", lambda a: a, "needs a default"),
        ("data://{a}", lambda a, b: a, "'b' is required"),
        ("data://x", lambda a: a, "carries no parameters"),
        ("data://{a}{b}", lambda a, b: a, "nothing divides"),
        ("data://{a", lambda a: a, "braces"),
        ("data://x", lambda *a: a, r"\*args are not supported as resources"),
    ],
)
def test_a_template_and_its_function_must_agree(uri: str, function: Any, complaint: str) -> None:
    mcp = FastMCP()

    with pytest.raises(ValueError, match=complaint):
        mcp.resource(uri, name="x")(function)


@pytest.mark.fastmcp("R-13")
async def test_a_function_may_take_any_keyword() -> None:
    mcp = FastMCP()
    mcp.resource("data://{a}/{b}", name="x")(lambda a, **rest: f"{a} {rest}")

    assert (await read(mcp, "data://1/2"))[0].text == "1 {'b': '2'}"


@pytest.mark.fastmcp("R-41", "S-04")
@pytest.mark.parametrize(
    ("masked", "error", "text"),
    [
        (False, ValueError("the secret"), "Error reading resource 'data://x': the secret"),
        (True, ValueError("the secret"), "Error reading resource 'data://x'"),
        (True, ResourceError("Come back later."), "Come back later."),
    ],
)
async def test_errors_are_masked_when_the_server_says_so(masked: bool, error: Exception, text: str) -> None:
    mcp = FastMCP(mask_error_details=masked)

    @mcp.resource("data://x")
    def x() -> str:
        raise error

    with pytest.raises(McpError) as refused:
        await read(mcp, "data://x")
    assert (refused.value.message, refused.value.code) == (text, -32603)


@pytest.mark.fastmcp("R-30", "R-31", "R-34")
async def test_static_resources_are_read(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("line")
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    mcp = FastMCP()
    mcp.add_resource(TextResource(uri="config://app", text="on"))
    mcp.add_resource(BinaryResource(uri="data://raw", data=b"hi"))
    mcp.add_resource(FileResource(uri="file:///app.log", path=tmp_path / "app.log"))
    mcp.add_resource(FileResource(uri="file:///dot.png", path=str(tmp_path / "dot.png"), mime_type="image/png"))

    assert (await read(mcp, "config://app"))[0].text == "on"
    assert (await read(mcp, "data://raw"))[0].mime_type == "application/octet-stream"
    assert (await read(mcp, "file:///app.log"))[0].text == "line"
    assert (await read(mcp, "file:///dot.png"))[0].blob == "iVBORw=="


@pytest.mark.fastmcp("R-31")
def test_a_files_path_is_absolute() -> None:
    with pytest.raises(ValueError, match="absolute"):
        FileResource(uri="file:///x", path="x")


@pytest.mark.fastmcp("R-31")
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    mcp = FastMCP(mask_error_details=True)
    mcp.add_resource(FileResource(uri="file:///gone", path=tmp_path / "gone"))

    with pytest.raises(McpError, match="Error reading file"):
        await read(mcp, "file:///gone")


@pytest.mark.fastmcp("R-33")
@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({}, ["a.txt", "b.md"]),
        ({"pattern": "*.md"}, ["b.md"]),
        ({"recursive": True}, ["a.txt", "b.md", "sub/c.txt"]),
    ],
)
async def test_a_directory_lists_its_files(tmp_path: Path, options: Any, files: list[str]) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.txt", "b.md", "sub/c.txt"):
        (tmp_path / name).touch()
    mcp = FastMCP()
    mcp.add_resource(DirectoryResource(uri="dir:///w", path=tmp_path, **options))

    contents = (await read(mcp, "dir:///w"))[0]

    assert (json.loads(contents.text), contents.mime_type) == ({"files": files}, "application/json")


@pytest.mark.fastmcp("R-32")
def test_a_web_resource_reads_web_addresses_only() -> None:
    with pytest.raises(ValueError, match="http and https"):
        HttpResource(uri="remote://x", url="file:///etc/passwd")


@pytest.mark.fastmcp("R-34")
async def test_a_subclass_of_resource_answers_with_its_read() -> None:
    class Clock(Resource):
        async def read(self) -> str:
            return "noon"

    mcp = FastMCP()
    mcp.add_resource(Clock(uri="clock://now"))

    assert (await read(mcp, "clock://now"))[0].text == "noon"
