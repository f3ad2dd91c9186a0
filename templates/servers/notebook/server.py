"""A notebook for each caller: tools that write, resources that read, and a prompt. Needs no dependency."""

from __future__ import annotations

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

mcp = FastMCP("notebook", instructions="Keeps notes for whoever calls. They last as long as the server runs.")

MOST = 100


@mcp.tool(annotations={"idempotentHint": False})
async def write(text: str, ctx: Context) -> int:
    """Write a note down. Returns how many there are.

    Args:
        text: The note, in a sentence or two.
    """
    notes = await _notes(ctx)
    if len(notes) >= MOST:
        raise ToolError(f"The notebook is full: it holds {MOST} notes. Clear it first.")
    await ctx.set_state("notes", [*notes, text])
    return len(notes) + 1


@mcp.tool(annotations={"readOnlyHint": True})
async def read(ctx: Context) -> list[str]:
    """All notes, the oldest first."""
    return await _notes(ctx)


@mcp.tool(annotations={"destructiveHint": True})
async def clear(ctx: Context) -> str:
    """Throw all notes away."""
    await ctx.set_state("notes", [])
    return "The notebook is empty."


@mcp.resource("notebook://notes", mime_type="application/json", tags={"notes"})
async def notes(ctx: Context) -> list[str]:
    """The notes, for clients that read instead of calling."""
    return await _notes(ctx)


@mcp.resource("notebook://notes/{number}", tags={"notes"})
async def note(number: int, ctx: Context) -> str:
    """One note; the first one is number 1."""
    notes = await _notes(ctx)
    return notes[number - 1] if 0 < number <= len(notes) else ""


@mcp.prompt
def tidy(audience: str = "myself") -> str:
    """Ask for a clean version of the notes."""
    return f"Read the resource notebook://notes and write a tidy version of it for {audience}."


async def _notes(ctx: Context) -> list[str]:
    return await ctx.get_state("notes") or []
