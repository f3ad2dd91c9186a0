"""Revisions that are hostile while they are imported: what each is, and its files."""

from __future__ import annotations

OK = 'from fastmcp import FastMCP\nmcp = FastMCP("ok")\n\n@mcp.tool\ndef answer() -> str:\n    return "here"\n'

HOSTILE_IMPORTS: dict[str, dict[str, str]] = {
    "a syntax error": {"server.py": "def broken(:\n"},
    "an exception": {"server.py": "raise RuntimeError('no')\n"},
    "a missing module": {"server.py": "import surely_not_installed\n"},
    "no server": {"server.py": "x = 1\n"},
    "sys.exit": {"server.py": "import sys\nsys.exit(0)\n"},
    "os._exit": {"server.py": "import os\nos._exit(0)\n"},
    "a crash": {"server.py": "import ctypes\nctypes.string_at(0)\n"},
    "an endless loop": {"server.py": "while True:\n    pass\n"},
    "a long sleep": {"server.py": "import time\ntime.sleep(3600)\n"},
    "a 10 MB message": {"server.py": "raise RuntimeError('x' * 10_000_000)\n"},
    "a message that raises": {
        "server.py": "class E(Exception):\n    def __str__(self):\n        raise ValueError\n\nraise E\n"
    },
    "a message that never ends": {
        "server.py": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E\n"
    },
    "a circle of imports": {"server.py": "from a import x\n", "a.py": "from b import x\n", "b.py": "from a import x\n"},
    "deep recursion": {"server.py": "def f(): return f()\nf()\n"},
    "a deep expression": {"server.py": "x = " + "(" * 5000 + ")" * 5000 + "\n"},
    "a long sum": {"server.py": "x = " + "+".join(["1"] * 60_000) + "\nraise RuntimeError\n"},
    "8 GB at import": {"server.py": "x = [bytearray(2**26) for _ in range(128)]\n"},
    "a generator as server": {"server.py": "mcp = (x for x in ())\n"},
    "a base exception": {"server.py": "class B(BaseException): pass\nraise B\n"},
    "a lying tool name": {"server.py": OK + "\nmcp.tool(lambda: 1, name='x' * 5_000_000)\n"},
}

SHADOWS = ("json", "socket", "struct", "asyncio", "msgspec", "pydantic", "typing_extensions", "ctypes", "os", "tenants")
"""Modules that a revision may not replace for the platform's half of the process."""

SHADOW = "open('/tmp/shadow-' + __name__, 'w').close()\nraise RuntimeError('shadowed ' + __name__)\n"
