"""A server over HTTP, in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from mcp_runtime.framework import FastMCP


@contextlib.asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Run an ASGI application under uvicorn on a free port; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0)
            if task.done():
                await task
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def served(mcp: FastMCP, **options: Any) -> AsyncIterator[str]:
    """Serve `mcp.http_app(**options)`; gives the endpoint's address."""
    app: Any = mcp.http_app(**options)
    async with listening(app) as address:
        yield address + app.path
