"""What goes wrong gets its documented error within its limit, and the platform and the neighbours keep answering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.interop.conftest import ROOT, stoa
from tests.support import RunningPlatform, wait_until, within

ANSWER_SECONDS = 2.0
STEADY = 'from fastmcp import FastMCP\nmcp = FastMCP("steady")\n'


@pytest.fixture(scope="module")
def mischief_url(running_platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> str:
    source = tmp_path_factory.mktemp("mischief") / "mischief.py"
    source.write_text(
        (ROOT / "tests" / "faults" / "servers" / "processes.py").read_text()
        + '\n\n@mcp.tool\ndef fail() -> str:\n    """Raise."""\n    raise ValueError("no such luck")\n'
    )
    stoa(running_platform, "deploy", str(source), "--tenant", "demo")
    return running_platform.endpoint_url.replace("/demo/demo/", "/demo/mischief/")


def post(url: str, key: str, body: Any = None, *, content: bytes | None = None) -> httpx2.Response:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",  # without it, the answers are those of 2025-03-26
    }
    if content is not None:
        return httpx2.post(url, content=content, headers=headers, timeout=180)
    return httpx2.post(url, json=body, headers=headers, timeout=180)


def call(url: str, key: str, tool: str, **arguments: Any) -> httpx2.Response:
    params = {"name": tool, "arguments": arguments}
    return post(url, key, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def serves(url: str, key: str) -> bool:
    """Whether the server answers. After a second crash in a row the next start waits for a moment, and says so."""
    answer = call(url, key, "answer")
    error = answer.json().get("error")
    if error is not None:
        assert error["data"]["code"] == "crash_looping", error
        return False
    return bool(value(answer) == "here")


def value(answer: httpx2.Response) -> Any:
    return answer.json()["result"]["structuredContent"]["result"]


def neighbour_answers(platform: RunningPlatform) -> None:
    with within(ANSWER_SECONDS):
        answer = call(platform.endpoint_url, platform.api_key, "add", a=1, b=2)
    assert value(answer) == 3


def test_a_wrong_key_an_unknown_tenant_and_an_unknown_endpoint_look_the_same(running_platform: RunningPlatform) -> None:
    url = running_platform.endpoint_url
    answers = [
        call(url, "stoa_wrong", "add"),
        call(url.replace("/t/demo/", "/t/nobody/"), running_platform.api_key, "add"),
        call(url.replace("/demo/mcp", "/nothing/mcp"), "stoa_wrong", "add"),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)


def test_an_unknown_endpoint_of_ones_own_tenant_is_not_found(running_platform: RunningPlatform) -> None:
    url = running_platform.endpoint_url.replace("/demo/mcp", "/nothing/mcp")

    assert call(url, running_platform.api_key, "add").status_code == 404


def test_an_unknown_tool_is_an_invalid_parameter(running_platform: RunningPlatform) -> None:
    answer = call(running_platform.endpoint_url, running_platform.api_key, "nobody")

    assert answer.json()["error"]["code"] == -32602


def test_malformed_json_is_a_parse_error(running_platform: RunningPlatform) -> None:
    answer = post(running_platform.endpoint_url, running_platform.api_key, content=b'{"jsonrpc": "2.0", ')

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700


def test_a_body_of_10_mb_is_refused(running_platform: RunningPlatform) -> None:
    try:
        answer = post(running_platform.endpoint_url, running_platform.api_key, content=b'"' + b"x" * 10_000_000 + b'"')
    except httpx2.WriteError:
        return  # the platform hung up before the client had sent it all

    assert answer.status_code == 413


def test_a_tool_that_raises_says_so_in_its_result(running_platform: RunningPlatform, mischief_url: str) -> None:
    result = call(mischief_url, running_platform.api_key, "fail").json()["result"]

    assert result["isError"] is True
    assert "no such luck" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("leave", {"how": "_exit"}, "worker_died"),
        ("leave", {"how": "segfault"}, "worker_died"),
        ("loop", {"kind": "python"}, "timeout"),
        ("loop", {"kind": "sleep"}, "timeout"),
    ],
)
def test_a_tool_that_exits_or_blocks_gets_the_sandboxs_error(
    running_platform: RunningPlatform, mischief_url: str, tool: str, arguments: dict[str, str], code: str
) -> None:
    with ThreadPoolExecutor() as pool:
        mischief = pool.submit(call, mischief_url, running_platform.api_key, tool, **arguments)
        while not mischief.done():
            neighbour_answers(running_platform)

    error = mischief.result().json()["error"]
    assert (error["data"]["code"], error["data"]["party"]) == (code, "sandbox")
    wait_until(lambda: serves(mischief_url, running_platform.api_key), ANSWER_SECONDS)


@pytest.mark.parametrize(("tool", "arguments"), [("allocate", {"megabytes": 8192}), ("noise", {"megabytes": 1024})])
def test_a_tool_that_takes_8_gb_or_prints_1_gb_harms_nobody(
    running_platform: RunningPlatform, mischief_url: str, tool: str, arguments: dict[str, int]
) -> None:
    with ThreadPoolExecutor() as pool:
        mischief = pool.submit(call, mischief_url, running_platform.api_key, tool, **arguments)
        while not mischief.done():
            neighbour_answers(running_platform)

    assert mischief.result().status_code == 200
    wait_until(lambda: serves(mischief_url, running_platform.api_key), ANSWER_SECONDS)


def test_a_broken_file_is_refused_and_the_running_revision_keeps_serving(
    running_platform: RunningPlatform, tmp_path: Path
) -> None:
    source = tmp_path / "steady.py"
    source.write_text(f"{STEADY}\n@mcp.tool\ndef one() -> int:\n    return 1\n")
    stoa(running_platform, "deploy", str(source), "--tenant", "demo")
    source.write_text(f'{STEADY}\nraise RuntimeError("not today")\n')

    refused = stoa(running_platform, "deploy", str(source), "--tenant", "demo", check=False)

    assert refused.returncode == 1
    assert "not today" in refused.stdout + refused.stderr
    assert "line 4" in refused.stdout + refused.stderr
    url = running_platform.endpoint_url.replace("/demo/demo/", "/demo/steady/")
    assert value(call(url, running_platform.api_key, "one")) == 1
