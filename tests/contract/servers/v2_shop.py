"""FastMCP 2.x: names, tags, hidden arguments, duplicates, errors, a `__main__` of its own."""

from typing import Annotated

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import BaseModel, Field

mcp = FastMCP(
    name="Shop",
    instructions="Buy hats.",
    on_duplicate_tools="replace",
    exclude_tags={"internal"},
    mask_error_details=True,
)


class Hat(BaseModel):
    name: str
    size: int = Field(ge=1, le=70)


@mcp.tool(name="find_hat", description="Find a hat.", tags={"public"}, annotations={"readOnlyHint": True})
def find(name: Annotated[str, Field(description="Its name")], size: int = 58) -> Hat:
    if name == "crown":
        raise ToolError("Crowns are not for sale.")
    return Hat(name=name, size=size)


@mcp.tool(exclude_args=["discount"])
def price(name: str, discount: float = 0.0) -> float:
    return len(name) * (1 - discount)


@mcp.tool(tags={"internal"})
def restock() -> str:
    return "done"


@mcp.resource("shop://hats/{name}", mime_type="application/json")
def hat(name: str) -> dict:
    return {"name": name}


@mcp.prompt("advertise")
def advertise(name: str, tone: str = "cheerful") -> str:
    return f"Write a {tone} advertisement for {name}."


if __name__ == "__main__":
    mcp.run()
