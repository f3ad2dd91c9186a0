"""What a client of the Python SDK answers to the questions of `servers/asking.py`."""

from __future__ import annotations

from typing import Any

from mcp import types


async def sampled(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    return types.CreateMessageResult(
        role="assistant", content=types.TextContent(type="text", text="cat, hat"), model="none"
    )


async def elicited(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content=dict.fromkeys(params.requested_schema["properties"], "Ada"))
