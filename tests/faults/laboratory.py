"""A real runner under one launcher, with a client, for tests that attack it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mcp_runtime.ports.workers import Caller, Worker, WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient

SERVERS = Path(__file__).parent / "servers"
LIMITS = WorkerLimits(call_seconds=60.0, load_seconds=60.0)
START_SECONDS = 120.0


class PlantedSecrets:
    """Gives every server an environment of its own, so that a leak names where it came from."""

    async def environment(self, tenant_id: str, server_id: str) -> Mapping[str, str]:
        return {"PLANTED": f"secret-of-{server_id}"}


@dataclass
class Laboratory:
    """A runner process, its store, and canaries on the host that nobody inside may see."""

    launcher: str
    home: Path
    process: subprocess.Popen[bytes]
    canary: Path
    log: Path
    clients: list[RunnerClient] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.home / "run" / "runner.sock"

    @property
    def store(self) -> Path:
        return self.home / "store"

    @property
    def has_sandbox(self) -> bool:
        return self.launcher != "process"

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[RunnerClient]:
        client = RunnerClient(self.socket, PlantedSecrets())
        await client.start()
        try:
            yield client
        finally:
            await client.aclose()

    def worker(
        self, files: Mapping[str, str], *, entrypoint: str = "server.py", limits: WorkerLimits = LIMITS,
        hosts: tuple[str, ...] = (), name: str | None = None,
    ) -> Worker:  # fmt: skip
        """A worker whose code is `files`, in the store as a deploy leaves it."""
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        folder = self.store / "code" / digest
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o755)
            for path, text in files.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
                target.chmod(0o444)
            folder.chmod(0o555)
        identity = (name or digest[:20]).upper()
        return Worker(
            tenant_id="ten_FAULTS", server_id=f"srv_{identity}", revision_id=f"rev_{identity}", code=digest,
            entrypoint=entrypoint, limits=limits, hosts=hosts,
        )  # fmt: skip

    def server(self, name: str, *, limits: WorkerLimits = LIMITS, instance: str = "") -> Worker:
        """One of `tests/faults/servers` as a worker; `instance` tells several of the same code apart."""
        source = (SERVERS / f"{name}.py").read_text() + f"\n# {instance}\n"
        return self.worker({"server.py": source}, limits=limits, name=f"{name}{instance}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


async def call(client: RunnerClient, worker: Worker, tool: str, **arguments: object) -> object:
    """What the tool returned. Fails on a tool error."""
    raw = await client.call(
        worker,
        "tools/call",
        msgspec.Raw(msgspec.json.encode({"name": tool, "arguments": arguments})),
        caller=Caller(request_id="req_faults", subject="key_faults", client_id="key_faults"),
    )
    result = msgspec.json.decode(raw)
    assert not result.get("isError"), result["content"]
    return result["structuredContent"]["result"]


@contextlib.contextmanager
def laboratory(launcher: str, *, environment: Mapping[str, str] = {}) -> Iterator[Laboratory]:
    """Start a runner with `launcher` in a folder of its own and stop it at the end."""
    home = Path(tempfile.mkdtemp(prefix="stoa-lab-", dir="/var/tmp"))  # the boxes have a /tmp of their own
    home.chmod(0o755)
    for name in ("run", "store", "store/code"):
        (home / name).mkdir(mode=0o755)
    canary = home / "canary.txt"
    canary.write_text("canary-of-the-host")
    canary.chmod(0o644)
    log = home / "runner.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "mcp_runtime.sandbox.runner", "--socket", str(home / "run" / "runner.sock"),
                "--store", str(home / "store"), "--home", str(home), "--launcher", launcher,
            ],
            env={"PATH": os.environ["PATH"], "STOA_ENV": "test", "CANARY": "canary-of-the-runner", **environment},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    lab = Laboratory(launcher, home, process, canary, log)
    try:
        _wait_for_socket(lab)
        yield lab
    finally:
        lab.stop()
        shutil.rmtree(home, ignore_errors=True)


def _wait_for_socket(lab: Laboratory) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(lab.socket))
            return
        if lab.process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"The runner did not start with {lab.launcher}:\n{lab.log.read_text()[-4000:]}")
