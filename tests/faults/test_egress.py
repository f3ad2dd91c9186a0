"""The only way out is the proxy, and the proxy lets out to granted, public hosts alone (SANDBOX 0.9, 5)."""

from __future__ import annotations

import socket

import pytest

from mcp_runtime.ports.sandboxes import RunnerUnavailable
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.conftest import launchers_here
from tests.faults.laboratory import SERVERS, Laboratory, call

SOURCE = (SERVERS / "egress.py").read_text()
WITH_EGRESS = [launcher for launcher in launchers_here() if launcher != "landlock"]


@pytest.fixture(params=["localhost", "*.granted.invalid"])
def grant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_without_a_grant_there_is_no_proxy(lab: Laboratory, client: RunnerClient) -> None:
    answer = str(await call(client, lab.server("egress"), "connect", target="example.com:443"))

    assert not answer.startswith("HTTP/")


@pytest.mark.parametrize("lab", WITH_EGRESS, indirect=True)
@pytest.mark.parametrize(
    "target",
    [
        "example.com:443",
        "127.0.0.1:443",
        "[::1]:443",
        "2130706433:443",
        "0x7f.1:443",
        "localhost:443",
        "localhost:22",
        "granted.invalid:443",
        "evilgranted.invalid:443",
        "169.254.169.254:443",
    ],
)
async def test_with_a_grant_nothing_else_is_let_out(
    lab: Laboratory, client: RunnerClient, grant: str, target: str
) -> None:
    worker = lab.worker({"server.py": SOURCE}, hosts=(grant,), name=f"out{grant[-7:]}")

    answer = str(await call(client, worker, "connect", target=target))

    assert answer.startswith(("HTTP/1.1 4", "HTTP/1.1 502")), answer


@pytest.mark.parametrize("lab", WITH_EGRESS, indirect=True)
async def test_with_a_grant_the_proxy_cannot_be_passed_by(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.worker({"server.py": SOURCE}, hosts=("localhost",), name="outbypass")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = await call(client, worker, "bypass", host="127.0.0.1", port=listener.getsockname()[1])

    assert answer != "connected"


@pytest.mark.parametrize("lab", ["landlock"], indirect=True)
async def test_a_launcher_without_a_way_out_refuses_a_server_with_a_grant(
    lab: Laboratory, client: RunnerClient
) -> None:
    worker = lab.worker({"server.py": SOURCE}, hosts=("example.com",), name="outlandlock")

    with pytest.raises(RunnerUnavailable):
        await call(client, worker, "connect", target="example.com:443")
