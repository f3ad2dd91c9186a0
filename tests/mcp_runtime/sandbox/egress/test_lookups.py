"""What a name may resolve to. The server runs in this process, with a name server of the test's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mcp_runtime.sandbox.egress.server import EgressServer, first_connected
from mcp_runtime.sandbox.egress.settings import EgressLimits
from mcp_runtime.sandbox.egress.targets import Refused
from tests.mcp_runtime.sandbox.egress.conftest import Upstream, answer_to, tunnel

Names = dict[str, list[str]]
Serve = Callable[..., Awaitable[Path]]


@pytest.fixture
def names() -> Names:
    return {}


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
async def serve(tmp_path: Path, names: Names, asked: list[str]) -> AsyncIterator[Serve]:
    def resolve(name: str) -> list[str]:
        asked.append(name)
        if name not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return names[name]

    server = EgressServer(lambda refusal: None, connections=100, resolve=resolve)

    async def start(hosts: tuple[str, ...], trusted: tuple[str, ...] = ()) -> Path:
        path = tmp_path / "w.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        await server.open("w", listener, hosts, trusted, EgressLimits(resolve_seconds=5))
        return path

    yield start
    await server.aclose()


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
        ["fe80::1%lo"],
        ["8.8.8.8", "127.0.0.1"],
        ["2606:4700::1111", "8.8.8.8", "::ffff:10.0.0.1"],
    ],
)
async def test_one_answer_that_is_not_public_is_enough_to_refuse(
    serve: Serve, names: Names, addresses: list[str]
) -> None:
    names["evil.example.com."] = addresses
    path = await serve(("evil.example.com",))

    answer = await answer_to(path, b"CONNECT evil.example.com:443 HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"evil.example.com leads to " in answer


async def test_the_refusal_does_not_tell_the_address(serve: Serve, names: Names) -> None:
    names["internal.example.com."] = ["10.20.30.40"]
    path = await serve(("*.example.com",))

    answer = await answer_to(path, b"CONNECT internal.example.com:443 HTTP/1.1\r\n\r\n")

    assert b"10.20.30.40" not in answer


async def test_a_name_is_looked_up_once(serve: Serve, names: Names, asked: list[str], upstream: Upstream) -> None:
    names["index"] = ["127.0.0.1"]
    path = await serve((), (f"index:{upstream.port}",))

    client = await tunnel(path, f"index:{upstream.port}")

    assert asked == ["index"]
    await client.close()


async def test_a_tenants_name_is_not_completed_by_search_domains(serve: Serve, asked: list[str]) -> None:
    path = await serve(("api.example.com",))

    answer = await answer_to(path, b"CONNECT api.example.com:443 HTTP/1.1\r\n\r\n")

    assert asked == ["api.example.com."]
    assert answer.startswith(b"HTTP/1.1 502 ")


async def test_a_name_that_is_not_granted_is_not_looked_up(serve: Serve, asked: list[str]) -> None:
    path = await serve(("api.example.com",))

    await answer_to(path, b"CONNECT secret-data.attacker.example:443 HTTP/1.1\r\n\r\n")

    assert asked == []


async def test_this_host_itself_is_refused_whatever_its_address(upstream: Upstream) -> None:
    with pytest.raises(Refused, match="is this host itself"):
        await first_connected(["127.0.0.1"], "me.example.com", upstream.port, trusted=False)


async def test_another_address_is_tried_when_one_does_not_answer(upstream: Upstream) -> None:
    connection = await first_connected(["127.0.0.3", "127.0.0.1"], "index", upstream.port, trusted=True)

    assert connection.getpeername()[0] == "127.0.0.1"
    connection.close()
    await asyncio.sleep(0)
