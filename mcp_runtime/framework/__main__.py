"""`python -m mcp_runtime.framework run server.py`: the `fastmcp` command where nothing is installed under that name."""

from __future__ import annotations

import sys

from mcp_runtime.framework.console.main import main

sys.exit(main())
