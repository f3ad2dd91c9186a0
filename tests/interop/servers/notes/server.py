"""A server that uses the official SDK, as its authors run it."""

from __future__ import annotations

import os
import sys

from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

server = MCPServer("notes", instructions="Short notes.")
notes: list[str] = []


class Confirmation(BaseModel):
    sure: bool


@server.tool()
def add_note(text: str) -> int:
    """Keep a note; how many there are."""
    notes.append(text)
    return len(notes)


@server.tool()
async def clear(ctx: Context) -> str:
    """Forget all notes, once somebody is sure."""
    answer = await ctx.elicit(message="Forget all notes?", schema=Confirmation)
    if answer.action == "accept" and answer.data.sure:
        notes.clear()
        return "forgotten"
    return "kept"


@server.tool()
async def recount(ctx: Context) -> str:
    """Count slowly."""
    for number in range(3):
        await ctx.report_progress(number + 1, 3)
    return os.environ.get("SALT", "unsalted")


@server.resource("notes://all")
def everything() -> str:
    """All notes."""
    return "\n".join(notes)


if __name__ == "__main__":
    assert not any(name.startswith("mcp_runtime") for name in sys.modules)
    server.run()
