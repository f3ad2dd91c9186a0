"""`python -m mcp_runtime.framework.script FILE [ARGUMENTS]`: run a file as a program that finds us as FastMCP."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from mcp_runtime.framework import aliases

__all__ = ("main",)


def main(file: str, *arguments: str) -> None:
    """What `python FILE ARGUMENTS` does, where `import fastmcp` finds this framework."""
    aliases.install()
    sys.argv = [file, *arguments]
    sys.path[0] = str(Path(file).resolve().parent)
    runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
