"""How long from the upload of a file without dependencies to its first answer, through the whole platform.

    python -m benchmarks.deploy [--rounds 20]

Starts `stoa up` in a temporary folder. Each round uploads a file with new content, follows its build log to the end and
calls the tool until the new revision answers. The bar: a median under 3 s.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx2

from benchmarks.results import verdict
from tests.support.platform import RunningPlatform, platform, temporary_home

BAR_SECONDS = 3.0
SOURCE = """from fastmcp import FastMCP

mcp = FastMCP("fresh")


@mcp.tool
def which() -> int:
    return {round}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(arguments)

    with temporary_home() as home, platform(home) as running:
        seconds = [deploy(running, number) for number in range(options.rounds + 1)][1:]  # the first one warms up
    median = statistics.median(seconds)
    print(f"deploy to first answer: median {median:.2f} s, worst {max(seconds):.2f} s of {len(seconds)}")
    return 0 if verdict("deploy to first answer", median, BAR_SECONDS, "s") else 1


def deploy(running: RunningPlatform, number: int) -> float:
    """Seconds from the upload to the answer of the new revision."""
    api = f"{running.dashboard_url}/api/v1/tenants/demo"
    endpoint = f"{running.dashboard_url}{urlsplit(running.endpoint_url).path.replace('/demo/demo/', '/demo/fresh/')}"
    key = {"authorization": f"Bearer {running.api_key}"}
    bundle = {"bundle": ("fresh.py", SOURCE.format(round=number).encode(), "text/x-python")}
    with httpx2.Client(headers=key, timeout=60) as client:
        began = time.monotonic()
        revision = client.post(f"{api}/servers/fresh/revisions", files=bundle).raise_for_status().json()
        client.get(f"{api}/revisions/{revision['id']}/log").raise_for_status()  # ends when the build does
        while call(client, endpoint) != number:
            time.sleep(0.005)
        return time.monotonic() - began


def call(client: httpx2.Client, endpoint: str) -> object:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "which", "arguments": {}}}
    accepted = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
    answer = client.post(endpoint, json=message, headers=accepted).raise_for_status().json()
    return answer["result"]["structuredContent"]["result"]


if __name__ == "__main__":
    sys.exit(main())
