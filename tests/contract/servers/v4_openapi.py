# /// script
# dependencies = ["fastmcp>=4", "httpx2"]
# ///
"""FastMCP 4.x: tools from an OpenAPI document, beside hand-made ones."""

import httpx2
from fastmcp import FastMCP

SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "Hats", "version": "1"},
    "paths": {
        "/hats/{name}": {
            "get": {
                "operationId": "get_hat",
                "summary": "One hat.",
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}}}
                },
            }
        }
    },
}


def answer(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, json={"hat": request.url.path.rsplit("/", 1)[1]})


client = httpx2.AsyncClient(base_url="https://hats.example.com", transport=httpx2.MockTransport(answer))
mcp = FastMCP.from_openapi(openapi_spec=SPEC, client=client, name="Hats API")


@mcp.tool
def count() -> int:
    return 1
