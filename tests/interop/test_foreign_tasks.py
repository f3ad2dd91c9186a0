"""The clients of `fastmcp` and `mcp` use tasks on a whole platform, from the call to its result (PROTOCOL 4.2)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestParams, ElicitResult

from tests.interop.task_clients.sdk import Answer, Created, Tasks, about
from tests.support import RunningPlatform, wait_until_async

ROOT = Path(__file__).parents[2]
SECONDS = 120.0
FOREVER = {"pages": 100_000, "pause": 0.5}


@pytest.mark.protocol("TK-01", "TK-02", "TK-03", "TK-05")
def test_the_fastmcp_client_calls_follows_answers_and_cancels_tasks(
    workshop: str, running_platform: RunningPlatform
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.interop.task_clients.fastmcp_client", workshop],
        cwd=ROOT,
        env={**os.environ, "STOA_API_KEY": running_platform.api_key},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("said").startswith("page ")
    assert "page 7 is in use" in seen.pop("failed")
    assert seen == {
        "called": "2 pages, in one go",
        "underway": "working",
        "cancelled": "cancelled",
        "asking": "input_required",
        "answered": "page 4: accept, True",
    }


@pytest.mark.protocol("TK-01", "TK-02", "TK-03")
async def test_the_sdk_fetches_what_became_of_its_call(workshop: str, running_platform: RunningPlatform) -> None:
    async with _connected(workshop, running_platform) as client:
        task_id = await _call(client, "index", {"pages": 2, "pause": 0.1})
        ended = await _until(client, task_id, "completed")

    assert ended["result"]["structuredContent"] == {"result": "2 pages, in one go"}


async def test_the_sdk_cancels_a_task_and_sees_how_far_it_was(workshop: str, running_platform: RunningPlatform) -> None:
    async with _connected(workshop, running_platform) as client:
        task_id = await _call(client, "index", FOREVER)

        async def says_where_it_is() -> bool:
            return "statusMessage" in (await _get(client, task_id)).model_dump()

        await wait_until_async(says_where_it_is, SECONDS)
        await client.session.send_request(about("tasks/cancel", task_id), Answer)
        ended = await _until(client, task_id, "cancelled")

    assert ended["statusMessage"].startswith("page ")


@pytest.mark.protocol("TK-05")
async def test_the_sdk_answers_what_a_task_asks(workshop: str, running_platform: RunningPlatform) -> None:
    async with _connected(workshop, running_platform) as client:
        task_id = await _call(client, "publish", {"page": 4})
        asking = await _until(client, task_id, "input_required")
        [(key, question)] = asking["inputRequests"].items()
        answers = {key: {"action": "accept", "content": {"value": True}}}
        await client.session.send_request(about("tasks/update", task_id, inputResponses=answers), Answer)
        ended = await _until(client, task_id, "completed")

    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == "Publish page 4?"
    assert ended["result"]["structuredContent"] == {"result": "page 4: accept, True"}


async def test_the_sdk_learns_nothing_of_a_task_that_is_not_there(
    workshop: str, running_platform: RunningPlatform
) -> None:
    async with _connected(workshop, running_platform) as client:
        with pytest.raises(MCPError) as refused:
            await _get(client, "tsk_nobody")

    assert refused.value.error.code == -32602


@contextlib.asynccontextmanager
async def _connected(url: str, platform: RunningPlatform) -> AsyncIterator[Client]:
    async def asked_in_vain(context: object, params: ElicitRequestParams) -> ElicitResult:
        raise AssertionError("What a task asks is answered by tasks/update.")

    headers = {"Authorization": f"Bearer {platform.api_key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(
            streamable_http_client(url, http_client=http), extensions=[Tasks()], elicitation_callback=asked_in_vain
        ) as client,
    ):
        yield client


async def _call(client: Client, name: str, arguments: dict[str, Any]) -> str:
    created = await client.session.call_tool(name, arguments, allow_claimed=True)
    assert isinstance(created, Created)
    return created.task_id


async def _get(client: Client, task_id: str) -> Answer:
    return await client.session.send_request(about("tasks/get", task_id), Answer)


async def _until(client: Client, task_id: str, status: str) -> Answer:
    async def found() -> Answer | None:
        task = await _get(client, task_id)
        return task if task["status"] == status else None

    return await wait_until_async(found, SECONDS)
