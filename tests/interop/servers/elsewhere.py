"""A server that runs elsewhere, by another implementation: python elsewhere.py TRANSPORT HOST PORT NAME."""

from __future__ import annotations

import sys
from typing import Any

from fastmcp import FastMCP


def main() -> None:
    transport, host, port, name = sys.argv[1:]
    mcp = FastMCP(name)

    @mcp.tool(name=f"{name}_news")
    def news(topic: str) -> str:
        """What there is to say about a topic."""
        return f"{topic}, says {name}"

    served: Any = transport
    mcp.run(transport=served, host=host, port=int(port), show_banner=False)


if __name__ == "__main__":
    main()
