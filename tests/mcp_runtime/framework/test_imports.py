"""What importing the framework pulls in (ARCHITECTURE 2: import cost counts)."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"pydantic", "pydantic_core", "asyncio", "msgspec", "httpx2", "django", "anyio"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules a fresh interpreter has loaded after `code`."""
    program = f"import sys; before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_server_class_and_registering_a_tool_leave_the_heavy_modules_alone() -> None:
    code = "from mcp_runtime.framework import FastMCP\nmcp = FastMCP()\n@mcp.tool\ndef add(a: int) -> int: return a"

    assert loaded_after(code) & HEAVY == set()


def test_serving_and_the_client_need_nothing_beyond_the_sandboxs_packages() -> None:
    code = (
        "import asyncio\nfrom mcp_runtime.framework import FastMCP\nfrom mcp_runtime.client import Client\n"
        "mcp = FastMCP()\n@mcp.tool\ndef add(a: int) -> int: return a\n"
        "async def main():\n    async with Client(mcp) as client: await client.call_tool('add', {'a': 1})\n"
        "asyncio.run(main())"
    )
    allowed = {
        "mcp_runtime",
        "tenants",
        "msgspec",
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "typing_extensions",
        "typing_inspection",
        "__mp_main__",
    }

    foreign = {name for name in loaded_after(code) if name not in sys.stdlib_module_names} - allowed
    assert {name for name in foreign if not name.startswith("_")} == set()
