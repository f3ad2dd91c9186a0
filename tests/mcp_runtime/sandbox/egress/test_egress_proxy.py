"""The proxy process: what gets out, what does not, and what it may use."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_runtime.sandbox.egress import EgressLimits, EgressProxy
from mcp_runtime.sandbox.egress.__main__ import EGRESS_UID
from mcp_runtime.sandbox.egress.settings import Refusal
from tests.mcp_runtime.sandbox.egress.conftest import Upstream, answer_to, connected, tunnel
from tests.support.waiting import wait_until, wait_until_async

EVASIONS = [
    "127.0.0.1:{port}",
    "127.1:{port}",
    "127.0.1:{port}",
    "0:{port}",
    "0.0.0.0:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0x7f.0.0.1:{port}",
    "0x7f.1:{port}",
    "0177.0.0.1:{port}",
    "017700000001:{port}",
    "127.0.0.0x1:{port}",
    "[::1]:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[::ffff:7f00:1]:{port}",
    "[0:0:0:0:0:0:0:1%25lo]:{port}",
    "::1:{port}",
    "localhost.:{port}",
    "localhost.localdomain:{port}",
    "sub.localhost:{port}",
    "localhost%00.example.com:{port}",
    "localhost%2eexample.com:{port}",
    "localhost#.example.com:{port}",
    "localhost\\.example.com:{port}",
    "user@localhost:{port}",
    "api.example.com@localhost:{port}",
    "localhost:{port}@api.example.com:443",
    "localhost:{port}:443",
    "localhost:0{port}",
    "localhost:+{port}",
    "localhost:",
    "localhost",
    "localhost:22",
    "localhost:0",
    "localhost:99999999",
    ":{port}",
    "http://localhost:{port}",
    "http://localhost:{port}/",
    "/run/egress.sock",
    "*.example.com:443",
    "example.com:443",
    "evil-example.com:443",
    "ip6-localhost:{port}",
    "169.254.169.254:80",
    "metadata.google.internal:80",
]
HEADS = {
    "nothing": b"",
    "only line ends": b"\r\n\r\n",
    "no version": b"CONNECT localhost:{port}\r\n\r\n",
    "HTTP/2": b"CONNECT localhost:{port} HTTP/2\r\n\r\n",
    "HTTP/0.9": b"CONNECT localhost:{port} HTTP/0.9\r\n\r\n",
    "bare line feeds": b"CONNECT localhost:{port} HTTP/1.1\n\n",
    "two spaces": b"CONNECT  localhost:{port} HTTP/1.1\r\n\r\n",
    "tab": b"CONNECT\tlocalhost:{port} HTTP/1.1\r\n\r\n",
    "lower case": b"connect localhost:{port} HTTP/1.1\r\n\r\n",
    "leading space": b" CONNECT localhost:{port} HTTP/1.1\r\n\r\n",
    "leading line end": b"\r\nCONNECT localhost:{port} HTTP/1.1\r\n\r\n",
    "NUL in the target": b"CONNECT localhost\0.example.com:{port} HTTP/1.1\r\n\r\n",
    "folded header": b"CONNECT localhost:{port} HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "header without colon": b"CONNECT localhost:{port} HTTP/1.1\r\nhello\r\n\r\n",
    "space before colon": b"CONNECT localhost:{port} HTTP/1.1\r\nHost : x\r\n\r\n",
    "NUL in a header": b"CONNECT localhost:{port} HTTP/1.1\r\nHost: \0\r\n\r\n",
    "carriage return in a header": b"CONNECT localhost:{port} HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    "body": b"CONNECT localhost:{port} HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "chunked body": b"CONNECT localhost:{port} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "plain GET": b"GET http://localhost:{port}/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "origin GET": b"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
    "websocket": b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "SOCKS5": b"\5\1\0\5\1\0\3\x09localhost\0\x50",
    "TLS": b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(40),
    "head of 9 kB": b"CONNECT localhost:{port} HTTP/1.1\r\nA: " + b"a" * 9_000 + b"\r\n\r\n",
    "head of 1 MB": b"CONNECT localhost:{port} HTTP/1.1\r\n" + b"A: b\r\n" * 170_000 + b"\r\n",
}


async def test_a_granted_host_is_reached(proxy: EgressProxy, upstream: Upstream) -> None:
    path = await proxy.open("w", (), [f"localhost:{upstream.port}"])

    client = await tunnel(path, f"localhost:{upstream.port}")
    await client.send(b"hello")

    assert await client.reader.readexactly(5) == b"hello"
    await client.close()


async def test_two_megabytes_come_back_whole_and_the_end_of_one_side_reaches_the_other(
    proxy: EgressProxy, upstream: Upstream
) -> None:
    path = await proxy.open("w", (), [f"localhost:{upstream.port}"])
    data = os.urandom(2 * 1024 * 1024)

    client = await tunnel(path, f"localhost:{upstream.port}")
    sending = asyncio.create_task(client.send(data))
    back = await client.reader.readexactly(len(data))
    await sending
    client.writer.write_eof()

    assert back == data
    assert await client.rest() == b""
    await client.close()


async def test_every_evasion_is_refused(proxy: EgressProxy, upstream: Upstream) -> None:
    path = await proxy.open("w", ["*.example.com"], [f"localhost:{upstream.port}"])

    statuses = {}
    for target in EVASIONS:
        request = f"CONNECT {target.format(port=upstream.port)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        statuses[target] = (await answer_to(path, request.encode()))[9:12]

    assert {target: status for target, status in statuses.items() if status not in (b"400", b"403")} == {}
    assert upstream.connections == 0


async def test_every_malformed_head_is_refused(proxy: EgressProxy, upstream: Upstream) -> None:
    path = await proxy.open("w", (), [f"localhost:{upstream.port}"])

    answers = {}
    for name, head in HEADS.items():
        client = await connected(path)
        with contextlib.suppress(ConnectionError):  # refused before it was read to its end
            await client.send(head.replace(b"{port}", str(upstream.port).encode()))
            client.writer.write_eof()
        answers[name] = (await client.rest())[9:12]
        await client.close()

    assert {name: status for name, status in answers.items() if status not in (b"", b"400", b"405", b"431")} == {}
    assert upstream.connections == 0


async def test_a_tenants_host_that_leads_into_this_machine_is_refused(proxy: EgressProxy, upstream: Upstream) -> None:
    path = await proxy.open("w", [f"localhost:{upstream.port}"])

    answer = await answer_to(path, f"CONNECT localhost:{upstream.port} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 502 "))  # 502 where the name server knows no localhost
    assert upstream.connections == 0


async def test_a_socket_is_an_identity(proxy: EgressProxy, upstream: Upstream) -> None:
    await proxy.open("ada", (), [f"localhost:{upstream.port}"])
    cem = await proxy.open("cem", ["api.example.com"])

    answer = await answer_to(cem, f"CONNECT localhost:{upstream.port} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"is not granted to this server. Add it to the server's hosts." in answer


async def test_a_worker_without_hosts_reaches_nothing(proxy: EgressProxy) -> None:
    path = await proxy.open("w", ())

    assert (await answer_to(path, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")


async def test_a_refusal_is_reported(proxy: EgressProxy, refusals: list[Refusal]) -> None:
    path = await proxy.open("w", ())

    await answer_to(path, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
    await wait_until_async(lambda: refusals, 10)

    assert (refusals[0].worker, refusals[0].target) == ("w", "example.com:443")


async def test_a_flood_of_refusals_is_not_reported_one_by_one(proxy: EgressProxy, refusals: list[Refusal]) -> None:
    path = await proxy.open("w", ())

    for _ in range(200):
        await answer_to(path, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
    await proxy.close("w")

    assert 0 < len(refusals) < 200


async def test_more_connections_than_allowed_are_refused(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target], limits=EgressLimits(connections=2))
    first, second = await tunnel(path, target), await tunnel(path, target)

    third = await connected(path)
    answer = await third.rest()  # it is refused before it asks, and the door is shut: nothing can be sent for certain

    for client in (first, second, third):
        await client.close()
    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_a_place_is_free_again_when_a_connection_ends(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target], limits=EgressLimits(connections=1))

    for _ in range(5):
        client = await tunnel(path, target)
        client.writer.write_eof()
        await client.rest()
        await client.close()

    assert upstream.connections == 5


async def test_no_more_bytes_pass_than_allowed(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target], limits=EgressLimits(total_bytes=100_000))

    client = await tunnel(path, target)
    with contextlib.suppress(ConnectionError):
        await client.send(bytes(1_000_000))
    back = await client.rest()
    await client.close()
    answer = await answer_to(path, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())

    assert len(back) <= 100_000
    assert answer.startswith(b"HTTP/1.1 429 ")


async def test_a_silent_connection_ends(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target], limits=EgressLimits(idle_seconds=0.2))

    client = await tunnel(path, target)

    assert await client.rest() == b""
    await client.close()


async def test_a_head_that_never_ends_is_refused(proxy: EgressProxy) -> None:
    path = await proxy.open("w", (), limits=EgressLimits(head_seconds=0.2))

    client = await connected(path)
    await client.send(b"CONNECT example")

    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    await client.close()


async def test_a_host_that_does_not_listen_is_told_so(proxy: EgressProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    path = await proxy.open("w", (), [f"localhost:{port}"])

    answer = await answer_to(path, f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 502 ")


async def test_closing_a_worker_cuts_its_connections_and_counts_its_bytes(
    proxy: EgressProxy, upstream: Upstream
) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target])
    client = await tunnel(path, target)
    await client.send(b"hello")
    await client.reader.readexactly(5)

    moved = await proxy.close("w")

    assert moved == 10
    assert await client.rest() == b""
    assert not path.exists()
    await client.close()


async def test_closing_one_worker_leaves_the_others(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    await proxy.open("ada", (), [target])
    client = await tunnel(await proxy.open("ben", (), [target]), target)

    await proxy.close("ada")
    await client.send(b"hello")

    assert await client.reader.readexactly(5) == b"hello"
    await client.close()


async def test_closing_what_is_unknown_does_nothing(proxy: EgressProxy) -> None:
    assert await proxy.close("nobody") == 0


async def test_a_worker_can_be_opened_anew_with_other_hosts(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    old = await proxy.open("w", (), [target])

    new = await proxy.open("w", ())

    assert not old.exists()
    assert (await answer_to(new, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("host", ["127.0.0.1", "*", "*.com", "https://example.com", ""])
async def test_a_host_that_cannot_be_granted_is_refused_before_a_socket_is_made(
    proxy: EgressProxy, tmp_path: Path, host: str
) -> None:
    with pytest.raises(ValueError, match="Grant a host name"):
        await proxy.open("w", [host])

    assert list((tmp_path / "egress").iterdir()) == []


async def test_sockets_are_open_to_every_uid_in_a_folder_that_is_not(proxy: EgressProxy, tmp_path: Path) -> None:
    path = await proxy.open("w", ())

    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert stat.S_IMODE((tmp_path / "egress").stat().st_mode) == 0o700


async def test_a_folder_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    proxy = EgressProxy(tmp_path / ("long" * 20) / ("long" * 20))
    await proxy.start()

    path = await proxy.open("w", ())
    answer = await answer_to(path, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
    await proxy.aclose()

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert not path.parent.exists()


async def test_a_proxy_that_died_is_replaced_behind_the_same_sockets(proxy: EgressProxy, upstream: Upstream) -> None:
    target = f"localhost:{upstream.port}"
    path = await proxy.open("w", (), [target])
    died = proxy.pid
    assert died is not None

    os.kill(died, signal.SIGKILL)
    client = await tunnel(path, target)

    assert proxy.pid != died
    await client.close()


async def test_a_stopped_proxy_leaves_nothing(tmp_path: Path) -> None:
    proxy = EgressProxy(tmp_path / "egress")
    await proxy.start()
    await proxy.open("w", ())
    pid = proxy.pid

    await proxy.aclose()
    await proxy.aclose()

    with pytest.raises(FileNotFoundError):
        of_process(pid, "status")
    assert list((tmp_path / "egress").iterdir()) == []


async def test_the_process_has_given_up_what_it_can(proxy: EgressProxy) -> None:
    await answer_to(await proxy.open("w", ()), b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")  # it has begun

    status = dict(line.split(":\t", 1) for line in of_process(proxy.pid, "status").decode().splitlines())

    uid = EGRESS_UID if os.geteuid() == 0 else os.geteuid()
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == 0


async def test_the_process_has_nothing_of_the_platforms_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOA_SECRET_KEY", "canary-3f9a")
    proxy = EgressProxy(tmp_path / "egress")
    await proxy.start()

    environment = of_process(proxy.pid, "environ")
    await proxy.aclose()

    assert b"canary-3f9a" not in environment


def test_the_process_ends_with_the_runner_that_started_it(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys; from pathlib import Path; from mcp_runtime.sandbox.egress import EgressProxy\n"
        "async def main():\n"
        "    proxy = EgressProxy(Path(sys.argv[1])); await proxy.start()\n"
        "    print(proxy.pid, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )

    runner = subprocess.run([sys.executable, "-c", program, str(tmp_path / "egress")], capture_output=True, check=False)

    pid = int(runner.stdout)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10)


def of_process(pid: int | None, what: str) -> bytes:
    return Path(f"/proc/{pid}/{what}").read_bytes()
