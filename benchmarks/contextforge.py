"""IBM ContextForge beside us, from PyPI and on SQLite: one upstream registered, its tool offered by a virtual server.

It is installed into a folder of its own, for it brings the `mcp` SDK of another generation. It runs with its
defaults, its cache in memory, and without the limits that would stop a load; keys are checked on both sides.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from benchmarks.peers import Server, started, unused_port

VERSION = "1.0.7.post20260921"
TOOL = "adder-add"
"""What it calls the upstream's `add`."""
_ADMIN = "admin@bench.example"
_READY_SECONDS = 300.0
"""Its first start makes about a hundred tables."""


@contextlib.contextmanager
def contextforge(upstream: str) -> Iterator[Server]:
    """A gateway that passes calls of `adder-add` on to `upstream`, an MCP server's URL."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder, unused_port() as port:
        python = _installed(Path(folder))
        environment = {**os.environ, **_settings(Path(folder))}
        command = [
            str(python), "-m", "uvicorn", "mcpgateway.main:app", "--port", str(port), "--loop", "uvloop",
            "--http", "httptools", "--no-access-log", "--log-level", "warning",
        ]  # fmt: skip
        quiet = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with started(quiet, port, "ContextForge", seconds=_READY_SECONDS) as pid:
            token = _token(python, environment)
            base = f"http://127.0.0.1:{port}"
            with httpx2.Client(base_url=base, headers={"authorization": f"Bearer {token}"}, timeout=60) as http:
                server = _registered(http, upstream)
            yield Server("ContextForge", f"{base}/servers/{server}/mcp", pid, token)


def _installed(folder: Path) -> Path:
    uv = [sys.executable, "-m", "uv"]
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    wanted = f"mcp-contextforge-gateway=={VERSION}"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), wanted], check=True)
    return python


def _settings(folder: Path) -> dict[str, str]:
    password = f"{secrets.token_urlsafe(24)}-Aa1"
    return {
        "DATABASE_URL": f"sqlite:///{folder}/mcp.db",
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "AUTH_ENCRYPTION_SECRET": secrets.token_urlsafe(48),
        "BASIC_AUTH_PASSWORD": password,
        "PLATFORM_ADMIN_EMAIL": _ADMIN,
        "PLATFORM_ADMIN_PASSWORD": password,
        "DEFAULT_USER_PASSWORD": password,
        "CACHE_TYPE": "memory",
        "LOG_LEVEL": "ERROR",
        "MCPGATEWAY_UI_ENABLED": "false",
        "MCPGATEWAY_ADMIN_API_ENABLED": "false",
        "RATE_LIMITING_ENABLED": "false",
        "TOOL_RATE_LIMIT": "1000000",
        "SSRF_ALLOW_LOCALHOST": "true",
        "SSRF_ALLOW_PRIVATE_NETWORKS": "true",
    }


def _token(python: Path, environment: dict[str, str]) -> str:
    made = subprocess.run(
        [
            str(python), "-m", "mcpgateway.utils.create_jwt_token", "--username", _ADMIN, "--admin", "--exp", "600",
            "--secret", environment["JWT_SECRET_KEY"],
        ],
        env=environment, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return made.stdout.split()[-1]


def _registered(http: httpx2.Client, upstream: str) -> str:
    """The id of the virtual server."""
    _wait_until_healthy(http)
    wanted = {"name": "adder", "url": upstream, "transport": "STREAMABLEHTTP"}
    http.post("/gateways", json=wanted).raise_for_status()
    tool = next(one["id"] for one in http.get("/tools").raise_for_status().json() if one["name"] == TOOL)
    made = http.post("/servers", json={"server": {"name": "add", "description": "adds", "associated_tools": [tool]}})
    return str(made.raise_for_status().json()["id"])


def _wait_until_healthy(http: httpx2.Client) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while http.get("/health").status_code != 200:
        if time.monotonic() > deadline:
            raise SystemExit("ContextForge does not get healthy.")
        time.sleep(0.5)
