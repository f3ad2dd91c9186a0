"""What a server that was started by hand says of itself. Standard output belongs to the protocol."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP


def print_banner(server: FastMCP, transport: str, address: str | None = None) -> None:
    """To standard error: who serves, how, and where."""
    version = f" {server.version}" if server.version else ""
    lines = [f"{server.name}{version} · MCP over {transport}"]
    if address is not None:
        lines.append(address)
    lines.append("Ctrl-C stops it." if address is not None else "Waiting for a client on standard input.")
    width = max(map(len, lines))
    bar = "─" * (width + 2)
    framed = [f"╭{bar}╮", *(f"│ {line:<{width}} │" for line in lines), f"╰{bar}╯"]
    print("\n".join(framed), file=sys.stderr, flush=True)  # noqa: T201 - the one thing a person is told
