"""The control: without a sandbox the same attacks succeed, so a clean report elsewhere means something."""

from __future__ import annotations

import socket
import subprocess

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call


async def test_the_detectors_see_files(open_lab: Laboratory, open_client: RunnerClient) -> None:
    worker = open_lab.server("files")

    assert await call(open_client, worker, "read", paths=[str(open_lab.canary), "/etc/passwd"]) == [
        f"read {open_lab.canary}",
        "read /etc/passwd",
    ]
    assert str(open_lab.canary) in list(await call(open_client, worker, "list_folders", paths=[str(open_lab.home)]))  # type: ignore[call-overload]
    assert await call(open_client, worker, "climb", canary=str(open_lab.canary)) != []
    assert await call(open_client, worker, "write", folders=[str(open_lab.home)]) == [f"wrote in {open_lab.home}"]


async def test_the_detectors_see_the_disk(open_lab: Laboratory, open_client: RunnerClient) -> None:
    written = await call(
        open_client,
        open_lab.server("files", limits=WorkerLimits(file_mb=64), instance="disk"),
        "largest_file",
        megabytes=40,
    )

    assert written == 40


async def test_the_detectors_see_the_network(open_lab: Laboratory, open_client: RunnerClient) -> None:
    worker = open_lab.server("network")
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        abstract.bind("\0stoa-control")
        abstract.listen()

        tcp = await call(open_client, worker, "connect", targets=[["127.0.0.1", listener.getsockname()[1]]])
        unix = await call(open_client, worker, "unix_sockets", paths=["@stoa-control"])

    assert tcp == [f"connected to 127.0.0.1:{listener_port(tcp)}"]
    assert unix == ["connected to @stoa-control"]
    assert "netlink" in list(await call(open_client, worker, "families"))  # type: ignore[call-overload]


def listener_port(escapes: object) -> str:
    return str(escapes).rpartition(":")[2].rstrip("']")


async def test_the_detectors_see_processes(
    open_lab: Laboratory, open_client: RunnerClient, bystander: subprocess.Popen[bytes]
) -> None:
    worker = open_lab.server("processes", limits=WorkerLimits(memory_mb=4096), instance="forks")

    touched = await call(open_client, worker, "touch", pid=bystander.pid)
    forked = await call(open_client, worker, "fork", count=20)
    hidden = await call(open_client, worker, "hidden_memory")

    assert {"kill", "proc"} <= set(touched)  # type: ignore[call-overload]
    assert forked == 20
    assert "memfd_create" in list(hidden)  # type: ignore[call-overload]


async def test_the_detectors_see_memory(open_lab: Laboratory, open_client: RunnerClient) -> None:
    taken = await call(
        open_client,
        open_lab.server("processes", limits=WorkerLimits(memory_mb=2048), instance="memory"),
        "allocate",
        megabytes=640,
    )

    assert taken == 640


async def test_the_detectors_see_system_calls(open_lab: Laboratory, open_client: RunnerClient) -> None:
    reached = await call(open_client, open_lab.server("syscalls"), "call_all")

    names = {entry.partition(":")[0] for entry in reached}  # type: ignore[attr-defined]
    assert {"memfd_create", "mount", "io_uring_setup"} <= names
