"""A program that speaks MCP by itself, in the same box as everything else (SANDBOX 2)."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import msgspec
import pytest

from mcp_runtime.ports.sandboxes import LoadFailed
from mcp_runtime.ports.workers import COMMAND_LIMITS, Caller, Worker
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory
from tests.support.waiting import wait_until_async

LIMITS = msgspec.structs.replace(COMMAND_LIMITS, call_seconds=20.0)
FOREIGN = '''
"""A server of nobody's SDK: JSON lines, and what it is asked to do to itself."""
import json, os, sys

assert not any(name.startswith("mcp_runtime") for name in sys.modules)
calls = 0


def say(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
    sys.stdout.flush()


def text(value):
    return {"content": [{"type": "text", "text": str(value)}]}


def call(name, arguments, request):
    global calls
    calls += 1
    if name == "count":
        return text(calls)
    if name == "environment":
        return text(os.environ.get(arguments["name"], "unset"))
    if name == "die":
        os._exit(3)
    if name == "connect":
        import socket
        try:
            socket.create_connection(("1.1.1.1", 80), 2)
        except OSError as error:
            return text(type(error).__name__)
    if name == "read":
        try:
            return text(open(arguments["name"]).read())
        except OSError as error:
            return text(type(error).__name__)
    if name == "multiply":
        import time
        children = 0
        try:
            while children < 2000:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
                children += 1
        except OSError:
            pass
        return text(children)
    if name == "progress":
        token = request["params"]["_meta"]["progressToken"]
        say({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1, "total": 2}})
        return text("done")
    return {**text("no such tool"), "isError": True}


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    method, answer = request["method"], {}
    if method == "initialize":
        answer = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": "foreign", "version": "7"}, "instructions": "Be kind."}
    elif method == "tools/list":
        names = "count environment die connect read multiply progress".split()
        answer = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}
    elif method == "tools/call":
        answer = call(request["params"]["name"], request["params"].get("arguments", {}), request)
    elif method != "ping":
        say({"id": request["id"], "error": {"code": -32601, "message": "Method not found"}})
        continue
    say({"id": request["id"], "result": answer})
'''


def foreign(
    lab: Laboratory, name: str, code: str = FOREIGN, command: tuple[str, ...] = ("python", "serve.py")
) -> Worker:
    worker = lab.worker({"serve.py": code}, limits=LIMITS, name=name)
    return msgspec.structs.replace(worker, entrypoint="", command=command)


async def ask(client: RunnerClient, worker: Worker, tool: str, subject: str = "usr_1", **arguments: object) -> str:
    params = msgspec.Raw(msgspec.json.encode({"name": tool, "arguments": arguments}))
    caller = Caller(request_id="req_1", subject=subject, client_id="cli")
    result = msgspec.json.decode(await client.call(worker, "tools/call", params, caller=caller))
    return str(result["content"][0]["text"])


async def test_it_describes_itself(lab: Laboratory, client: RunnerClient) -> None:
    manifest = await client.describe(foreign(lab, "describes"))

    assert (manifest.name, manifest.version, manifest.instructions) == ("foreign", "7", "Be kind.")
    assert [tool["name"] for tool in manifest.tools][:2] == ["count", "environment"]


async def test_each_caller_has_a_process_that_stays(lab: Laboratory, client: RunnerClient) -> None:
    worker = foreign(lab, "counts")

    counted = [await ask(client, worker, "count", subject) for subject in ("usr_1", "usr_1", "usr_2")]

    assert counted == ["1", "2", "1"]


async def test_one_that_dies_is_started_again(lab: Laboratory, client: RunnerClient) -> None:
    worker = foreign(lab, "dies")
    assert await ask(client, worker, "count") == "1"

    assert "has ended" in await ask(client, worker, "die")
    assert await ask(client, worker, "count") == "1"


async def test_progress_comes_through(lab: Laboratory, client: RunnerClient) -> None:
    heard: list[tuple[str, bytes]] = []
    params = msgspec.Raw(msgspec.json.encode({"name": "progress", "arguments": {}}))
    caller = Caller(request_id="req_1", subject="usr_1", client_id="cli", progress=True)

    await client.call(
        foreign(lab, "progress"), "tools/call", params, caller=caller,
        on_event=lambda method, event: heard.append((method, bytes(event))),
    )  # fmt: skip

    assert [(method, msgspec.json.decode(event)["progress"]) for method, event in heard] == [
        ("notifications/progress", 1)
    ]


async def test_it_reaches_neither_the_network_nor_the_hosts_files(lab: Laboratory, client: RunnerClient) -> None:
    if lab.launcher == "process":
        return  # no walls, as it says itself
    worker = foreign(lab, "walls")

    assert await ask(client, worker, "connect") in ("OSError", "PermissionError")
    assert await ask(client, worker, "read", name="/etc/passwd") == "FileNotFoundError"
    assert await ask(client, worker, "read", name="/proc/1/environ") in ("FileNotFoundError", "PermissionError")


async def test_its_processes_are_bounded_and_end_with_it(lab: Laboratory, client: RunnerClient) -> None:
    if lab.launcher == "process":
        return  # no walls, as it says itself
    mark = uuid.uuid4().hex
    worker = foreign(lab, "multiplies", command=("python", "serve.py", mark))

    assert 10 < int(await ask(client, worker, "multiply")) <= LIMITS.processes
    await client.retire(worker.server_id)
    await wait_until_async(lambda: not _running(mark))


def _running(mark: str) -> list[int]:
    """Processes of the host that have this argument."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("nothing-like-that",), "There is no program 'nothing-like-that'"),
        (("python", "missing.py"), "does not serve"),
        (("python", "-c", "print('hello')"), "does not serve"),
    ],
)
async def test_what_does_not_serve_is_refused_with_its_last_words(
    lab: Laboratory, client: RunnerClient, command: tuple[str, ...], why: str
) -> None:
    with pytest.raises(LoadFailed, match=why) as caught:
        await client.describe(foreign(lab, "broken", command=command))

    if command[1:] == ("missing.py",):
        assert "No such file" in caught.value.detail
