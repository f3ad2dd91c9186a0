"""The ASGI server that the gateway's tests run under."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn

Server = Callable[[Any], AbstractAsyncContextManager[int]]
"""Serves an ASGI application at the port of 127.0.0.1 that it yields, until the block ends."""


@contextlib.asynccontextmanager
async def uvicorn_server(application: Any) -> AsyncIterator[int]:
    config = uvicorn.Config(
        application,
        port=0,
        lifespan="off",
        log_level="warning",
        access_log=False,
        http="httptools",
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.force_exit = True  # what still runs is a test that failed
        await server.shutdown()


chosen: Server = uvicorn_server
"""What `tests.support.under_daphne` replaces."""
