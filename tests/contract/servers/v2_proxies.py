"""FastMCP 2.x: a proxy in front of another server, which is mounted as a proxy as well."""

from fastmcp import FastMCP

backend = FastMCP("Backend")


@backend.tool
def echo(text: str) -> str:
    return text


@backend.resource("back://end")
def end() -> str:
    return "reached"


mcp = FastMCP.as_proxy(backend, name="Front")
side = FastMCP("Side")


@side.tool
def ping() -> str:
    return "pong"


mcp.mount(side, prefix="side", as_proxy=True)
