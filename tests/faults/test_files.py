"""Reading and writing what is not the tenant's own (SANDBOX 2.1, 2.2, 2.4)."""

from __future__ import annotations

import os
import sys

from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call


def _host_files(lab: Laboratory) -> list[str]:
    other = lab.store / "code" / lab.server("processes").code / "server.py"
    return [
        str(lab.canary), str(lab.log), str(other), "/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/1/environ",
        "/proc/self/environ", "/proc/self/maps", "/proc/self/mountinfo", "/proc/cpuinfo", "/proc/cmdline",
        "/sys/kernel/notes", "/dev/kmsg", "/dev/mem", "/dev/vda", "/dev/kvm", __file__,
    ]  # fmt: skip


async def test_no_file_of_the_host_can_be_read(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("files"), "read", paths=_host_files(lab))

    assert escapes == []


async def test_no_folder_of_the_host_can_be_listed(lab: Laboratory, client: RunnerClient) -> None:
    folders = [str(lab.home), str(lab.store / "code"), "/root", "/home", "/proc", "/sys", "/var", "/var/log", "/run"]

    found = await call(client, lab.server("files"), "list_folders", paths=folders)

    ways_to_mounts = {str(folder) for folder in (lab.home / "runtime", *(lab.home / "runtime").parents)}
    assert set(found) <= ways_to_mounts  # type: ignore[call-overload]


async def test_no_detour_leads_to_a_file_of_the_host(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("files"), "climb", canary=str(lab.canary))

    assert escapes == []


async def test_no_open_file_or_folder_is_inherited(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("files"), "inherited_descriptors")

    assert escapes == []


async def test_the_platforms_environment_is_not_to_be_found(lab: Laboratory, client: RunnerClient) -> None:
    canaries = ["canary-of-the-runner", "secret-of-srv_PROCESSES"]

    escapes = await call(client, lab.server("files"), "environment", canaries=canaries)

    assert escapes == []


async def test_a_worker_sees_its_own_secrets(lab: Laboratory, client: RunnerClient) -> None:
    found = await call(client, lab.server("files"), "environment", canaries=["secret-of-srv_FILES"])

    assert found == ["saw secret-of-srv_FILES"]


async def test_nothing_outside_the_scratch_folder_can_be_written(lab: Laboratory, client: RunnerClient) -> None:
    folders = [
        "/",
        "/app",
        "/deps",
        "/dev",
        "/run",
        "/etc",
        "/usr",
        "/usr/lib",
        "/var/tmp",
        str(lab.home),
        str(lab.store),
    ]
    folders += [path for path in sys.path if path.startswith("/")]

    escapes = await call(client, lab.server("files"), "write", folders=folders)

    assert escapes == []
    assert not (lab.home / "escaped.txt").exists()


async def test_the_shared_code_cannot_be_changed(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("files")
    source = (lab.store / "code" / worker.code / "server.py").read_text()

    escapes = await call(client, worker, "tamper")

    assert escapes == []
    assert (lab.store / "code" / worker.code / "server.py").read_text() == source


async def test_the_disk_is_bounded(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("files", instance="disk")

    written = await call(client, worker, "fill_disk", megabytes=200)

    assert int(str(written)) <= worker.limits.tmp_mb


async def test_a_file_is_bounded(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("files", instance="file")

    written = await call(client, worker, "largest_file", megabytes=60)

    assert int(str(written)) <= worker.limits.file_mb


async def test_the_number_of_files_is_bounded(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("files", instance="inodes")
    status = await client.status()
    if "inodes" not in status["guarantees"]:
        assert "inodes" in status["missing"], "a missing bound is reported, not hidden"
        return

    made = await call(client, worker, "many_files", count=20_000)

    assert int(str(made)) <= worker.limits.tmp_inodes


async def test_what_one_worker_wrote_another_does_not_see(lab: Laboratory, client: RunnerClient) -> None:
    await call(client, lab.server("files", instance="writer"), "write", folders=["/tmp"])

    escapes = await call(client, lab.server("files", instance="reader"), "read", paths=["/tmp/escaped.txt"])

    assert escapes == []


async def test_the_tests_themselves_can_read_the_canary(lab: Laboratory) -> None:
    assert lab.canary.read_text() == "canary-of-the-host"
    assert os.access(lab.canary, os.R_OK)
