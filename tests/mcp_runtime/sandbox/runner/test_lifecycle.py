"""Workers that start, sleep, crash, are replaced and are shared."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from mcp_runtime.ports.sandboxes import CrashLooping, LoadFailed, RunnerUnavailable, WorkerDied
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call, laboratory
from tests.mcp_runtime.sandbox.runner.conftest import LIMITS, SERVER, another_runner
from tests.support import wait_until_async


def limited(worker: Worker, **limits: float) -> Worker:
    return msgspec.structs.replace(worker, limits=msgspec.structs.replace(worker.limits, **limits))


async def state(client: RunnerClient, worker: Worker) -> list[dict[str, Any]]:
    """The living workers of a revision, as the runner reports them."""
    status = await client.status()
    return [entry for entry in status["workers"] if entry["revision"] == worker.revision_id]


async def test_a_worker_is_started_once_however_many_call(client: RunnerClient, worker: Worker) -> None:
    answers = await asyncio.gather(*(call(client, worker, "identity") for _ in range(20)))

    assert all(answer == answers[0] for answer in answers)
    assert len(await state(client, worker)) == 1


async def test_gateways_share_a_worker(lab: Laboratory, client: RunnerClient, worker: Worker) -> None:
    async with lab.client() as other:
        identities = await asyncio.gather(call(client, worker, "identity"), call(other, worker, "identity"))

    assert identities[0] == identities[1]


async def test_an_idle_worker_sleeps_and_wakes(client: RunnerClient, worker: Worker) -> None:
    worker = limited(worker, idle_seconds=0.3)
    before = await call(client, worker, "identity")

    await wait_until_async(lambda: _none(client, worker))

    assert await call(client, worker, "identity") != before


async def test_a_worker_in_use_does_not_sleep(client: RunnerClient, worker: Worker) -> None:
    worker = limited(worker, idle_seconds=0.2)
    before = await call(client, worker, "identity")

    await call(client, worker, "sleep", seconds=1.0)

    assert await call(client, worker, "identity") == before


async def test_a_gateway_that_goes_away_leaves_no_lease(lab: Laboratory, client: RunnerClient, worker: Worker) -> None:
    worker = limited(worker, idle_seconds=0.3)
    async with lab.client() as other:
        await call(other, worker, "identity")
        other._line._link._socket.close()  # type: ignore[union-attr]  # as a killed process would

        await wait_until_async(lambda: _none(client, worker))


async def test_a_worker_that_ends_fails_all_its_calls_with_the_reason_and_the_next_call_works(
    client: RunnerClient, worker: Worker
) -> None:
    waiting = [asyncio.create_task(call(client, worker, "wait")) for _ in range(10)]
    await call(client, worker, "echo", text="all are under way")

    with pytest.raises(WorkerDied, match="exit status 7"):
        await call(client, worker, "leave", status=7)

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [WorkerDied] * 10
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, WorkerDied)} == {"exit"}
    assert await call(client, worker, "add", a=1, b=2) == 3


async def test_a_crash_loop_backs_off_while_a_neighbour_answers(
    lab: Laboratory, client: RunnerClient, worker: Worker
) -> None:
    neighbour = lab.worker({"server.py": SERVER}, name="neighbour", limits=LIMITS)
    before = await call(client, neighbour, "identity")
    refused: CrashLooping | None = None

    for _ in range(30):
        try:
            await call(client, worker, "leave", status=1)
        except CrashLooping as error:
            refused = error
            break
        except WorkerDied:
            continue

    assert refused is not None
    assert refused.retry_after is not None
    assert await call(client, neighbour, "identity") == before


async def test_after_the_back_off_a_crash_looper_gets_another_chance(client: RunnerClient, worker: Worker) -> None:
    for _ in range(2):
        with pytest.raises(WorkerDied):
            await call(client, worker, "leave", status=1)
    with pytest.raises(CrashLooping):
        await call(client, worker, "echo", text="too soon")

    assert await wait_until_async(lambda: _answers(client, worker))


async def test_a_file_that_does_not_load_says_where_and_why(lab: Laboratory, client: RunnerClient) -> None:
    source = 'from fastmcp import FastMCP\nmcp = FastMCP("x")\n\nraise RuntimeError("not today")\n'
    broken = lab.worker({"server.py": source}, name="broken")

    with pytest.raises(LoadFailed, match="not today") as failed:
        await client.describe(broken)

    assert failed.value.line == 4
    assert 'File "server.py", line 4' in failed.value.detail
    assert "mcp_runtime" not in failed.value.detail


@pytest.mark.parametrize(
    ("source", "hint", "line"),
    [
        ("import surely_not_there\n", "requirements.txt", 1),
        ("x = 1\ndef broken(:\n", "cannot read", 2),
        ("import os\nos.environ['API_TOKEN']\n", "secret API_TOKEN", 2),
        ("import sys\nsys.exit(1)\n", "__main__", 2),
    ],
)  # fmt: skip
async def test_a_load_error_comes_with_a_remedy(
    lab: Laboratory, client: RunnerClient, source: str, hint: str, line: int
) -> None:
    with pytest.raises(LoadFailed) as failed:
        await client.describe(lab.worker({"server.py": source}))

    assert hint in failed.value.hint
    assert failed.value.line == line


async def test_a_file_that_loads_too_slowly_is_refused(lab: Laboratory, client: RunnerClient) -> None:
    slow = lab.worker({"server.py": "import time\nprint('begun')\ntime.sleep(600)\n"}, name="slow")
    slow = limited(slow, load_seconds=1.0)

    with pytest.raises(LoadFailed, match="within 1 s") as failed:
        await client.describe(slow)

    assert "begun" in failed.value.detail


async def test_calls_to_a_revision_that_does_not_load_get_its_error(lab: Laboratory, client: RunnerClient) -> None:
    broken = lab.worker({"server.py": "raise RuntimeError('no')\n"}, name="broken calls")

    outcomes = [await _outcome(client, broken) for _ in range(5)]

    assert [type(outcome) for outcome in outcomes] == [LoadFailed] * 5


async def test_a_description_holds_what_the_server_offers(
    lab: Laboratory, client: RunnerClient, worker: Worker
) -> None:
    manifest = await client.describe(worker)

    assert (manifest.name, manifest.version, manifest.instructions) == ("runner tests", "1.2", "Be tested.")
    assert "add" in [tool["name"] for tool in manifest.tools]
    assert [resource["uri"] for resource in manifest.resources] == ["data://fact"]
    assert [prompt["name"] for prompt in manifest.prompts] == ["greet"]
    assert await state(client, worker) == []


async def test_files_import_their_neighbours_and_packages_themselves(lab: Laboratory, client: RunnerClient) -> None:
    server = "from fastmcp import FastMCP\nfrom .helper import text\nimport top\nmcp = FastMCP(text + top.text)\n"
    files = {"pkg/__init__.py": "", "pkg/server.py": server, "pkg/helper.py": "text = 'a'\n", "top.py": "text = 'b'\n"}
    inside = lab.worker(files, entrypoint="pkg/server.py")
    other = "import helper\nfrom fastmcp import FastMCP\nother = FastMCP(helper.text)\n"
    script = lab.worker({"src/json.py": other, "src/helper.py": "text = 'c'\n"}, entrypoint="src/json.py:other")

    assert (await client.describe(inside)).name == "ab"
    assert (await client.describe(script)).name == "c"


async def test_secrets_reach_their_own_worker_only(lab: Laboratory, client: RunnerClient, worker: Worker) -> None:
    other = lab.worker({"server.py": SERVER}, name="another tenant's server")

    environments = [str(await call(client, each, "environment")) for each in (worker, other)]

    assert f"secret-of-{worker.server_id}" in environments[0]
    assert f"secret-of-{worker.server_id}" not in environments[1]
    assert "canary-of-the-runner" not in "".join(environments)


async def test_secrets_are_opened_only_when_a_worker_is_started(lab: Laboratory, worker: Worker) -> None:
    opened: list[str] = []

    class Counted:
        async def environment(self, tenant_id: str, server_id: str) -> Mapping[str, str]:
            opened.append(server_id)
            return {"PLANTED": "x"}

    counting = RunnerClient(lab.socket, Counted())
    await counting.start()
    for _ in range(5):
        await call(counting, worker, "add", a=1, b=1)
    await counting.aclose()

    assert opened == [worker.server_id]


async def test_a_retired_worker_finishes_its_calls_and_is_replaced(client: RunnerClient, worker: Worker) -> None:
    before = await call(client, worker, "identity")
    running = asyncio.create_task(call(client, worker, "sleep", seconds=1.0))
    await call(client, worker, "echo", text="the other is under way")

    await client.retire(worker.server_id)
    after = await call(client, worker, "identity")

    assert after != before
    assert await running == "slept"
    await wait_until_async(lambda: _one(client, worker))


async def test_a_kept_revision_is_not_retired(client: RunnerClient, worker: Worker) -> None:
    before = await call(client, worker, "identity")

    await client.retire(worker.server_id, keep=worker.revision_id)

    assert await call(client, worker, "identity") == before


async def test_without_a_runner_calls_say_so(lab: Laboratory, worker: Worker) -> None:
    alone = RunnerClient(lab.home / "run" / "nobody.sock")
    await alone.start()

    with pytest.raises(RunnerUnavailable, match=r"nobody\.sock"):
        await call(alone, worker, "add", a=1, b=1)

    await alone.aclose()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_client_finds_the_next_runner(number: signal.Signals) -> None:
    with laboratory("process") as lab:
        async with lab.client() as client:
            worker = lab.worker({"server.py": SERVER}, limits=LIMITS)
            waiting = asyncio.create_task(call(client, worker, "wait"))
            await call(client, worker, "echo", text="the other is under way")

            os.kill(lab.process.pid, number)
            with pytest.raises(WorkerDied):
                await waiting
            lab.process.wait(20)
            with pytest.raises(RunnerUnavailable):
                await call(client, worker, "echo", text="nobody there")

            with another_runner(lab):
                assert await wait_until_async(lambda: _answers(client, worker), 20)


async def test_two_runners_do_not_share_a_socket() -> None:
    with laboratory("process") as lab, another_runner(lab) as second:
        assert await asyncio.to_thread(second.wait, 30) == 78


async def _answers(client: RunnerClient, worker: Worker) -> bool:
    try:
        return await call(client, worker, "echo", text="here") == "here"
    except (CrashLooping, RunnerUnavailable):
        return False


async def _outcome(client: RunnerClient, worker: Worker) -> BaseException | None:
    try:
        await call(client, worker, "add", a=1, b=1)
    except Exception as error:  # noqa: BLE001  # the outcome is what the test looks at
        return error
    return None


async def _none(client: RunnerClient, worker: Worker) -> bool:
    return not await state(client, worker)


async def _one(client: RunnerClient, worker: Worker) -> bool:
    return len(await state(client, worker)) == 1
