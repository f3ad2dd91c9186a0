"""`stoa dev`: a page beside the endpoint on which a server can be tried (FASTMCP L-03).

The page is reachable on this machine only, under a path that nobody can guess. It holds no secret: whoever can reach
the endpoint can do the same with any client.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

_PAGE = Path(__file__).with_name("inspector.html")
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; media-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def add_to(server: FastMCP, token: str | None = None) -> str:
    """Add the page. Returns its path."""
    path = f"/inspector/{token or secrets.token_urlsafe(24)}"
    page = _PAGE.read_text(encoding="utf-8")

    async def show(_: Request) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    server.custom_route(path, methods=["GET"], include_in_schema=False)(show)
    return path
