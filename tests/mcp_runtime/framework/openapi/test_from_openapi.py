"""Servers from OpenAPI documents and ASGI applications (FASTMCP K-09, 3.1)."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.openapi import DocumentError, HTTPRoute, MCPType, RouteMap
from mcp_runtime.framework.serving import serve
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.framework.exchanges import Recorder
from tests.mcp_runtime.framework.openapi.api import Api, document, operation

STRING = {"type": "string"}
PETS = document(
    {
        "/pets": {
            "get": {
                "operationId": "list_pets__get",
                "summary": "List pets.",
                "tags": ["pets"],
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}, "description": "How many."}
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
                            }
                        }
                    }
                },
            },
            "post": {
                "operationId": "add_pet",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
                },
            },
        },
        "/pets/{pet_id}": {
            "parameters": [{"name": "pet_id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {"operationId": "get_pet", "responses": {"200": {"description": "a pet"}}},
            "delete": {"operationId": "delete_pet", "tags": ["admin"], "responses": {"204": {}}},
        },
    },
    components={
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "name": {"type": "string"},
                    "parent": {"$ref": "#/components/schemas/Pet"},
                },
            }
        }
    },
)


async def called(spec: Any, api: Api, name: str = "op", /, **arguments: Any) -> Any:
    async with Client(FastMCP.from_openapi(spec, api.client)) as client:
        return await client.call_tool(name, arguments)


@pytest.mark.fastmcp("K-09")
async def test_every_operation_is_a_tool_with_its_schema() -> None:
    mcp = FastMCP.from_openapi(PETS, Api().client, name="Pets", tags={"api"})

    async with Client(mcp) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
    assert mcp.name == "Pets"
    assert list(tools) == ["list_pets", "add_pet", "get_pet", "delete_pet"]
    listing = tools["list_pets"]
    assert listing.description == "List pets."
    assert listing.input_schema["properties"]["limit"] == {"type": "integer", "description": "How many."}
    assert listing.output_schema is not None
    assert listing.output_schema["x-fastmcp-wrap-result"] is True
    assert listing.annotations is not None
    assert listing.annotations.read_only_hint is True
    assert tools["get_pet"].input_schema["required"] == ["pet_id"]
    assert (await mcp.get_tool("list_pets")).tags == {"pets", "api"}


@pytest.mark.fastmcp("K-09")
async def test_a_body_is_flattened_without_what_only_the_api_writes() -> None:
    api = Api(lambda request: httpx2.Response(201, json={"id": 7, **json.loads(request.content)}))

    result = await called(PETS, api, "add_pet", name="Rex", parent={"name": "Max"})

    assert api.body == {"name": "Rex", "parent": {"name": "Max"}}
    assert result.structured_content == {"id": 7, "name": "Rex", "parent": {"name": "Max"}}
    async with Client(FastMCP.from_openapi(PETS, Api().client)) as client:
        [schema] = [tool.input_schema for tool in await client.list_tools() if tool.name == "add_pet"]
    assert set(schema["properties"]) == {"name", "parent"}
    assert schema["required"] == ["name"]


@pytest.mark.fastmcp("K-09")
async def test_a_list_comes_back_under_result_and_unwrapped() -> None:
    result = await called(PETS, Api(lambda _: httpx2.Response(200, json=[{"name": "Rex"}])), "list_pets", limit=3)

    assert result.structured_content == {"result": [{"name": "Rex"}]}
    assert result.data[0].name == "Rex"


@pytest.mark.fastmcp("K-09", status="safer")
@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a/b", "/v1/x/a%2Fb/y"),
        ("a b", "/v1/x/a%20b/y"),
        ("a?b#c", "/v1/x/a%3Fb%23c/y"),
        ("%2e%2e", "/v1/x/%252e%252e/y"),
        ("ü", "/v1/x/%C3%BC/y"),
        (["a", "b/c"], "/v1/x/a,b%2Fc/y"),
    ],
)
async def test_a_path_parameter_is_one_segment(value: Any, sent: str) -> None:
    api = Api()
    await called(operation("/x/{p}/y", {"name": "p", "in": "path", "required": True, "schema": {}}), api, p=value)

    assert api.target == sent


@pytest.mark.fastmcp("K-09", status="safer")
@pytest.mark.parametrize("value", ["..", ".", "", "../admin", "a/../../b", "..\\admin", "a\nb", ["a", ".."]])
async def test_a_path_parameter_that_climbs_is_refused(value: Any) -> None:
    api = Api()
    with pytest.raises(ToolError, match="cannot be the path parameter 'p'"):
        await called(operation("/x/{p}/y", {"name": "p", "in": "path", "required": True, "schema": {}}), api, p=value)
    assert api.requests == []


@pytest.mark.fastmcp("K-09")
@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("simple", False, ["a", "b"], "a,b"),
        ("simple", False, {"k": "v", "n": 1}, "k,v,n,1"),
        ("simple", True, {"k": "v", "n": 1}, "k=v,n=1"),
        ("label", False, "a", ".a"),
        ("label", False, ["a", "b"], ".a,b"),
        ("label", True, ["a", "b"], ".a.b"),
        ("label", True, {"k": "v"}, ".k=v"),
        ("matrix", False, "a", ";p=a"),
        ("matrix", False, ["a", "b"], ";p=a,b"),
        ("matrix", True, ["a", "b"], ";p=a;p=b"),
        ("matrix", True, {"k": "v"}, ";k=v"),
    ],
)
async def test_the_styles_of_path_parameters(style: str, explode: bool, value: Any, sent: str) -> None:
    api = Api()
    parameter = {"name": "p", "in": "path", "required": True, "style": style, "explode": explode, "schema": {}}
    await called(operation("/x/{p}", parameter), api, p=value)

    assert api.target == f"/v1/x/{sent}"


@pytest.mark.fastmcp("K-09")
@pytest.mark.parametrize(
    ("options", "value", "sent"),
    [
        ({}, "a&b=c", "p=a%26b%3Dc"),
        ({}, True, "p=true"),
        ({}, ["a", "b"], "p=a&p=b"),
        ({"explode": False}, ["a", "b"], "p=a,b"),
        ({"style": "spaceDelimited", "explode": False}, ["a", "b"], "p=a%20b"),
        ({"style": "pipeDelimited", "explode": False}, ["a", "b"], "p=a%7Cb"),
        ({}, {"k": "v", "n": 1}, "k=v&n=1"),
        ({"explode": False}, {"k": "v", "n": 1}, "p=k,v,n,1"),
        ({"style": "deepObject", "explode": True}, {"k": "v", "n": 1}, "p%5Bk%5D=v&p%5Bn%5D=1"),
        (
            {"style": "deepObject"},
            {"k": {"l": [{"m": "x y"}, 2]}},
            "p%5Bk%5D%5Bl%5D%5B0%5D%5Bm%5D=x%20y&p%5Bk%5D%5Bl%5D%5B1%5D=2",
        ),
        ({"allowReserved": True}, "a/b:c", "p=a/b:c"),
        ({"content": {"application/json": {"schema": {}}}}, {"k": 1}, "p=%7B%22k%22%3A%201%7D"),
    ],
)
async def test_the_styles_of_query_parameters(options: dict[str, Any], value: Any, sent: str) -> None:
    api = Api()
    await called(operation("/x", {"name": "p", "in": "query", "schema": {}, **options}), api, p=value)

    assert api.target == f"/v1/x?{sent}"


@pytest.mark.fastmcp("K-09")
async def test_headers_and_cookies_are_sent_and_cannot_be_broken_out_of() -> None:
    api = Api()
    spec = operation(
        "/x",
        {"name": "X-Ids", "in": "header", "schema": {"type": "array"}},
        {"name": "sort", "in": "cookie", "schema": STRING},
    )
    await called(spec, api, **{"X-Ids": [1, 2], "sort": "a;b"})

    headers = api.requests[-1].headers
    assert (headers["x-ids"], headers["cookie"]) == ("1,2", "sort=a%3Bb")
    with pytest.raises(ToolError, match="cannot hold line breaks"):
        await called(spec, api, **{"X-Ids": ["1\r\nx: y"]})
    with pytest.raises(ToolError, match="holds ASCII characters only"):
        await called(spec, api, **{"X-Ids": ["ü"]})


@pytest.mark.fastmcp("K-09", status="safer")
async def test_credentials_are_the_servers_and_nobody_can_set_others() -> None:
    api = Api()
    spec = operation(
        "/x",
        {"name": "Authorization", "in": "header", "schema": STRING},
        {"name": "Host", "in": "header", "schema": STRING},
    )
    mcp = FastMCP.from_openapi(spec, api.client)

    async with Client(mcp) as client:
        assert (await client.list_tools())[0].input_schema["properties"] == {}
        await client.call_tool("op")
        with pytest.raises(ToolError, match="There is no argument 'Authorization'; there are none"):
            await client.call_tool("op", {"Authorization": "Bearer mine"})
    assert api.requests[0].headers["authorization"] == "Bearer of-the-server"


@pytest.mark.fastmcp("K-09")
async def test_a_name_in_two_places_tells_them_apart() -> None:
    api = Api()
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"id": STRING}}}}}
    spec = operation(
        "/x/{id}",
        {"name": "id", "in": "path", "required": True, "schema": STRING},
        method="put",
        requestBody=body,
    )
    await called(spec, api, id__path="1", id="2")

    assert (api.target, api.body) == ("/v1/x/1", {"id": "2"})


@pytest.mark.fastmcp("K-09")
async def test_a_body_that_is_no_plain_object_is_one_argument() -> None:
    api = Api()
    spec = operation(
        "/x", method="post", requestBody={"content": {"application/json": {"schema": {"type": "array", "items": {}}}}}
    )
    await called(spec, api, body=[1, "two"])

    assert api.body == [1, "two"]


@pytest.mark.fastmcp("K-09")
async def test_parts_that_are_all_of_a_body_are_joined() -> None:
    api = Api()
    parts = [{"properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": STRING}}]
    spec = operation(
        "/x",
        method="post",
        requestBody={"required": True, "content": {"application/json": {"schema": {"allOf": parts}}}},
    )
    await called(spec, api, a="1", b="2")

    assert api.body == {"a": "1", "b": "2"}
    with pytest.raises(ToolError, match="'a' is required"):
        await called(spec, api, b="2")


@pytest.mark.fastmcp("K-09")
async def test_forms_and_files() -> None:
    api = Api()
    form = {"type": "object", "properties": {"name": STRING, "tags": {"type": "array", "items": STRING}}}
    spec = operation(
        "/x", method="post", requestBody={"content": {"application/x-www-form-urlencoded": {"schema": form}}}
    )
    await called(spec, api, name="a b&c", tags=["x", "y"])
    assert api.requests[-1].content == b"name=a%20b%26c&tags=x&tags=y"

    upload = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}, "note": STRING}}
    spec = operation("/x", method="post", requestBody={"content": {"multipart/form-data": {"schema": upload}}})
    await called(spec, api, file=base64.b64encode(b"\x00\xff").decode(), note="hi")
    sent = api.requests[-1]
    assert sent.headers["content-type"].startswith("multipart/form-data")
    assert b"\x00\xff" in sent.content
    assert b'name="note"\r\n' in sent.content
    with pytest.raises(ToolError, match="'file' holds bytes: give them in Base64"):
        await called(spec, api, file="not base64!")


@pytest.mark.parametrize(
    ("encoding", "value", "sent"),
    [
        (
            {"style": "deepObject", "explode": True},
            {"city": "Lima", "at": {"x": 1}},
            b"f%5Bcity%5D=Lima&f%5Bat%5D%5Bx%5D=1",
        ),
        ({"style": "spaceDelimited", "explode": False}, ["a", "b"], b"f=a%20b"),
        ({"explode": False}, ["a", "b"], b"f=a,b"),
        ({"contentType": "application/json"}, {"k": 1}, b"f=%7B%22k%22%3A1%7D"),
    ],
)
async def test_a_field_of_a_form_is_written_in_its_own_style(encoding: dict[str, Any], value: Any, sent: bytes) -> None:
    api = Api()
    form = {"schema": {"type": "object", "properties": {"f": {}}}, "encoding": {"f": encoding}}
    spec = operation("/x", method="post", requestBody={"content": {"application/x-www-form-urlencoded": form}})
    await called(spec, api, f=value)

    assert api.requests[-1].content == sent


async def test_a_part_of_a_body_has_the_type_that_is_said_of_it() -> None:
    api = Api()
    form = {
        "schema": {"type": "object", "properties": {"meta": {}, "file": {"type": "string", "format": "binary"}}},
        "encoding": {"file": {"contentType": "image/png"}},
    }
    spec = operation("/x", method="post", requestBody={"content": {"multipart/form-data": form}})
    await called(spec, api, meta={"k": 1}, file="AA==")

    assert b'name="meta"\r\nContent-Type: application/json\r\n\r\n{"k":1}' in api.requests[-1].content
    assert b'filename="file"\r\nContent-Type: image/png\r\n\r\n\x00' in api.requests[-1].content


@pytest.mark.fastmcp("K-09", status="later")
async def test_the_apis_own_words_are_reported_when_it_refuses() -> None:
    api = Api(lambda _: httpx2.Response(422, json={"detail": "limit must be positive"}))

    with pytest.raises(ToolError, match=r'The API answered 422 .*: \{"detail": ?"limit must be positive"\}'):
        await called(operation("/x"), api)


@pytest.mark.fastmcp("K-09")
async def test_an_api_that_is_not_there_is_said_without_details() -> None:
    def refuse(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("secret-host.internal:5432 refused")

    with pytest.raises(ToolError, match=r"^The API could not be reached: ConnectError\.$"):
        await called(operation("/x"), Api(refuse))


async def test_a_redirect_is_not_followed() -> None:
    api = Api(lambda _: httpx2.Response(302, headers={"location": "http://169.254.169.254/"}))

    with pytest.raises(ToolError, match="The API answered 302"):
        await called(operation("/x"), api)
    assert len(api.requests) == 1


async def test_answers_of_other_kinds() -> None:
    text = Api(lambda _: httpx2.Response(200, text="plain"))
    image = Api(lambda _: httpx2.Response(200, content=b"\x89PNG", headers={"content-type": "image/png"}))
    empty = Api(lambda _: httpx2.Response(204))

    assert (await called(operation("/x"), text)).content[0].text == "plain"
    assert (await called(operation("/x"), image)).content[0].resource.mime_type == "image/png"
    assert (await called(operation("/x"), empty)).content == []


@pytest.mark.fastmcp("K-09")
async def test_route_maps_make_resources_templates_and_leave_out() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"path": request.url.path})

    mcp = FastMCP.from_openapi(
        PETS,
        Api(answer).client,
        route_maps=[
            RouteMap(tags={"admin"}, mcp_type=MCPType.EXCLUDE),
            RouteMap(methods=["GET"], pattern=r".*\{.*\}.*", mcp_type=MCPType.RESOURCE_TEMPLATE, mcp_tags={"read"}),
            RouteMap(methods=["GET"], mcp_type=MCPType.RESOURCE),
        ],
    )

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["add_pet"]
        assert [str(resource.uri) for resource in await client.list_resources()] == ["resource://list_pets"]
        [template] = await client.list_resource_templates()
        assert template.uri_template == "resource://get_pet/{pet_id}"
        assert json.loads((await client.read_resource("resource://list_pets"))[0].text) == {"path": "/v1/pets"}
        contents = await client.read_resource("resource://get_pet/7")
        assert (json.loads(contents[0].text), contents[0].mime_type) == ({"path": "/v1/pets/7"}, "application/json")


@pytest.mark.fastmcp("K-09")
async def test_functions_choose_and_change_components() -> None:
    def choose(route: HTTPRoute, kind: MCPType) -> MCPType | None:
        return MCPType.EXCLUDE if route.method == "DELETE" else None

    def change(route: HTTPRoute, component: Any) -> None:
        component.description = f"{route.method}!"
        component.tags.add("changed")

    mcp = FastMCP.from_openapi(
        PETS, Api().client, route_map_fn=choose, mcp_component_fn=change, mcp_names={"get_pet": "one pet"}
    )

    async with Client(mcp) as client:
        tools = await client.list_tools()
    assert [(tool.name, tool.description) for tool in tools] == [
        ("list_pets", "GET!"),
        ("add_pet", "POST!"),
        ("one_pet", "GET!"),
    ]


@pytest.mark.fastmcp("K-09")
async def test_names_are_found_for_all_and_each_once() -> None:
    spec = document(
        {
            "/a": {"get": {"responses": {}}, "post": {"summary": "Make it so!", "responses": {}}},
            "/b": {"get": {"operationId": "Make it so", "responses": {}}, "put": {"operationId": "x" * 80}},
            "/c/{id}/d-e.f": {"delete": {"responses": {}}, "get": {"operationId": "a.b-c d/e__x"}},
        }
    )
    mcp = FastMCP.from_openapi(spec, Api().client)

    assert mcp.get_tool("GET_a").name == "GET_a"
    assert list(await mcp.get_tools()) == [
        "GET_a",
        "Make_it_so",
        "Make_it_so_2",
        "x" * 56,
        "a_b_c_de",
        "DELETE_cidd_e_f",
    ]


@pytest.mark.fastmcp("K-09")
async def test_a_server_of_the_document_is_called_without_a_client() -> None:
    servers = [{"url": "https://{region}.api.example/v2", "variables": {"region": {"default": "eu"}}}]
    mcp = FastMCP.from_openapi({**operation("/x"), "servers": servers})

    assert list(await mcp.get_tools()) == ["op"]
    with pytest.raises(DocumentError, match="names no server with a whole address"):
        FastMCP.from_openapi({**operation("/x"), "servers": [{"url": "/v2"}]})


@pytest.mark.fastmcp("K-09", status="safer")
@pytest.mark.parametrize("reference", ["other.json#/Pet", "https://evil.example/x", "file:///etc/passwd"])
async def test_references_out_of_the_document_are_refused_and_not_fetched(reference: str) -> None:
    spec = operation("/x", {"name": "p", "in": "query", "schema": {"$ref": reference}})

    with pytest.raises(DocumentError, match="never fetched: bundle it"):
        FastMCP.from_openapi(spec, Api().client)


@pytest.mark.fastmcp("K-09", status="safer")
async def test_references_that_form_a_circle_are_safe() -> None:
    async with Client(FastMCP.from_openapi(PETS, Api().client)) as client:
        [schema] = [tool.input_schema for tool in await client.list_tools() if tool.name == "add_pet"]
    assert schema["properties"]["parent"] == {"$ref": "#/$defs/Pet"}
    assert schema["$defs"]["Pet"]["properties"]["parent"] == {"$ref": "#/$defs/Pet"}

    circle = {"parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}}}
    spec = {**operation("/x", {"$ref": "#/components/parameters/a"}), "components": circle}
    with pytest.raises(DocumentError, match="without end"):
        FastMCP.from_openapi(spec, Api().client)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "An OpenAPI document is a dictionary, not list"),
        ({"swagger": "2.0"}, "OpenAPI 3.0 and 3.1 are understood"),
        ({"openapi": "3.1.0", "paths": []}, "paths are not an object"),
        (operation("/x", {"name": "p"}), "does not say where it is sent"),
        (operation("/x", {"$ref": "#/components/parameters/none"}), "which it does not hold"),
    ],
)
def test_documents_that_cannot_be_used_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        FastMCP.from_openapi(spec, Api().client)


async def test_a_schema_beyond_all_measure_is_refused() -> None:
    deep: dict[str, Any] = STRING
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    mcp = FastMCP.from_openapi(operation("/x", {"name": "p", "in": "query", "schema": deep}), Api().client)

    with pytest.raises(DocumentError, match="too deep or too large"):
        _ = (await mcp.get_tool("op")).parameters


@pytest.mark.fastmcp("K-09")
async def test_the_dialect_of_3_0_is_turned_into_json_schema() -> None:
    parameter = {
        "name": "p",
        "in": "query",
        "schema": {
            "type": "integer",
            "nullable": True,
            "minimum": 1,
            "exclusiveMinimum": True,
            "example": 3,
            "x-internal": "y",
        },
    }
    spec = {**operation("/x", parameter), "openapi": "3.0.3"}
    async with Client(FastMCP.from_openapi(spec, Api().client)) as client:
        [tool] = await client.list_tools()

    assert tool.input_schema["properties"]["p"] == {"type": ["integer", "null"], "exclusiveMinimum": 1}


async def test_output_that_is_not_to_be_promised_is_any_object() -> None:
    mcp = FastMCP.from_openapi(PETS, Api().client, validate_output=False)

    assert (await mcp.get_tool("add_pet")).output_schema == {"type": "object", "additionalProperties": True}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that answers with the path it was asked for."""
    status, body = (500, b"broken") if scope["path"] == "/fail" else (200, json.dumps({"path": scope["path"]}).encode())
    headers = [(b"content-type", b"application/json" if status == 200 else b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Described:
    """The same with a document and a title, as FastAPI's have."""

    title = "My API"

    def openapi(self) -> dict[str, Any]:
        return document(
            {
                "/items/{item}": {
                    "get": {
                        "operationId": "item",
                        "parameters": [{"name": "item", "in": "path", "required": True, "schema": STRING}],
                        "responses": {},
                    }
                },
                "/fail": {"get": {"operationId": "fail", "responses": {}}},
            }
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)


@pytest.mark.fastmcp("K-09")
async def test_an_application_in_this_process_is_called_without_a_network() -> None:
    mcp = FastMCP.from_fastapi(Described())

    async with Client(mcp) as client:
        assert mcp.name == "My API"
        assert (await client.call_tool("item", {"item": "7"})).structured_content == {"path": "/items/7"}
        with pytest.raises(ToolError, match=r"The API answered 500 .*: broken"):
            await client.call_tool("fail")


@pytest.mark.fastmcp("K-09")
async def test_any_asgi_application_is_called_by_a_document_of_its_own() -> None:
    mcp = FastMCP.from_fastapi(app, openapi_spec=operation("/hello"), name="App")

    async with Client(mcp) as client:
        assert (await client.call_tool("op")).structured_content == {"path": "/hello"}
    with pytest.raises(TypeError, match=r"has no openapi\(\)"):
        FastMCP.from_fastapi(app)


@pytest.mark.fastmcp("K-09", "K-04")
async def test_a_server_from_a_document_is_mounted_like_any_other() -> None:
    main = FastMCP("Main", mask_error_details=True)
    api = Api(lambda request: httpx2.Response(404, text="no such pet"))
    main.mount(FastMCP.from_openapi(PETS, api.client), prefix="pets")

    answer: Any = await serve(main, "tools/call", {"name": "pets_get_pet", "arguments": {"pet_id": 1}}, Recorder())

    assert answer["content"][0]["text"] == "The API answered 404 Not Found: no such pet"
    with pytest.raises(McpError, match="No tool named"):
        await serve(main, "tools/call", {"name": "get_pet"}, Recorder())
