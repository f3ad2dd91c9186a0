"""Who is let in, and what the others are told (PROTOCOL 1.2, 5.1; SECURITY 0)."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.mcp_runtime.gateway.conftest import ACCEPT, Door, opened
from tests.mcp_runtime.gateway.world import ADA, BEN, CEM, DORA, World, plan, principal
from tests.support import wait_until_async

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
METADATA = "https://mcp.example.com/.well-known/oauth-protected-resource"


@pytest.mark.protocol("A-01")
async def test_no_key_is_challenged(door: Door) -> None:
    answer = await door.post(LIST, token=None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer scope="mcp:call", resource_metadata="{METADATA}/t/acme/weather/mcp"'
    )
    assert answer.json()["error"]["data"]["code"] == "unauthenticated"


@pytest.mark.protocol("A-11", "A-06")
@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("/t/acme/weather/mcp", "wrong"),
        ("/t/acme/weather/mcp", CEM),
        ("/t/globex/weather/mcp", ADA),
        ("/t/acme/nothing/mcp", "wrong"),
        ("/t/nobody/weather/mcp", ADA),
        ("/t/acme/other/mcp", BEN),
        ("/t/acme/nothing/mcp", BEN),
    ],
)
async def test_a_wrong_key_and_what_does_not_exist_are_answered_alike(door: Door, path: str, token: str) -> None:
    reference = await door.post(LIST, token="reference")

    answer = await door.post(LIST, path=path, token=token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="The credential is not valid for this endpoint.", '
        f'scope="mcp:call", resource_metadata="{METADATA}{path}"'
    )
    assert _without_request_id(answer.json()) == _without_request_id(reference.json())


@pytest.mark.protocol("A-06", "A-12")
async def test_a_key_of_one_endpoint_opens_it(door: Door) -> None:
    answer = await door.post(LIST, token=BEN)

    assert answer.status_code == 200


async def test_the_tenants_own_key_learns_that_an_endpoint_is_missing(door: Door) -> None:
    answer = await door.post(LIST, path="/t/acme/nothing/mcp")

    assert answer.status_code == 404
    assert answer.json()["error"]["data"]["code"] == "no_such_endpoint"
    assert "other" not in answer.text


@pytest.mark.protocol("A-09")
async def test_a_key_without_the_scope_is_told_which(door: Door) -> None:
    answer = await door.post(LIST, token=DORA)

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="mcp:call"' in answer.headers["www-authenticate"]


@pytest.mark.protocol("A-11")
@pytest.mark.protocol("DP-01", status="later")
@pytest.mark.parametrize("value", ["Basic YTpi", "DPoP stoa_ada", "Bearer", "Bearer a b", "Bearer é", "stoa_ada"])
async def test_what_is_no_bearer_token_is_a_bad_request(door: Door, value: str) -> None:
    answer = await door.http.post(
        "/t/acme/weather/mcp", json=LIST, headers=[(b"authorization", value.encode("latin-1"))]
    )

    assert answer.status_code == 400


async def test_two_authorization_headers_are_refused(door: Door) -> None:
    headers = [("authorization", f"Bearer {ADA}"), ("authorization", f"Bearer {BEN}")]

    answer = await door.http.post("/t/acme/weather/mcp", json=LIST, headers=headers)

    assert answer.status_code == 400


@pytest.mark.protocol("A-05")
@pytest.mark.parametrize("query", ["access_token=stoa_ada", "x=1&token=abc", "API_KEY=abc", "q=stoa_ada"])
async def test_a_token_in_the_url_is_refused_and_not_logged(door: Door, query: str) -> None:
    answer = await door.post(LIST, path=f"/t/acme/weather/mcp?{query}")

    assert answer.status_code == 400
    assert answer.json()["error"]["data"]["code"] == "token_in_url"
    await wait_until_async(lambda: bool(door.lines), 5)
    assert b"stoa_ada" not in b"".join(door.lines)


@pytest.mark.protocol("H-08")
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1]", "127.0.0.1:x"])
async def test_a_foreign_host_is_forbidden(door: Door, host: str) -> None:
    answer = await door.http.post("/t/acme/weather/mcp", json=LIST, headers={"host": host})

    assert answer.status_code in (400, 403)


@pytest.mark.protocol("H-08")
@pytest.mark.parametrize("host", ["mcp.example.com", "MCP.example.com:443", "127.0.0.1:1"])
async def test_a_host_of_ours_is_served(door: Door, host: str) -> None:
    answer = await door.post(LIST, host=host)

    assert answer.status_code == 200


@pytest.mark.protocol("H-08")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_a_page_of_a_foreign_origin_is_forbidden_before_anything_else(door: Door, method: str) -> None:
    answer = await door.http.request(method, "/t/acme/weather/mcp", headers={"origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.protocol("H-08")
async def test_our_own_pages_may_call(door: Door) -> None:
    answer = await door.post(LIST, origin="https://mcp.example.com")

    assert answer.status_code == 200


@pytest.mark.protocol("H-01")
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
async def test_only_post_is_taken(door: Door, method: str) -> None:
    answer = await door.http.request(method, "/t/acme/weather/mcp", headers={"authorization": f"Bearer {ADA}"})

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.protocol("A-05", "G-10")
async def test_other_methods_need_a_key_as_well(door: Door) -> None:
    answer = await door.http.get("/t/acme/weather/mcp")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path", ["/t/acme/weather", "/t/acme/weather/mcp/", "/t/Acme/weather/mcp", "/t/acme/a%2Fb/mcp", "/t/a/b/c/mcp"]
)
async def test_other_paths_are_not_found(door: Door, path: str) -> None:
    answer = await door.post(LIST, path=path)

    assert answer.status_code == 404


@pytest.mark.protocol("H-02")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"content_encoding": "gzip"}, 415),
        ({"accept": "application/json"}, 406),
        ({"accept": "text/event-stream"}, 406),
        ({"accept": "*/*"}, 200),
        ({"accept": "text/event-stream;q=0.5, application/json"}, 200),
    ],
)
async def test_what_a_post_says_about_itself(door: Door, headers: dict[str, str], status: int) -> None:
    answer = await door.post(LIST, **headers)

    assert answer.status_code == status


@pytest.mark.protocol("B-05")
async def test_a_body_of_10_mb_is_refused(door: Door) -> None:
    answer = await door.post(b" " * 10_000_000)

    assert answer.status_code == 413
    assert answer.json()["error"]["data"]["code"] == "body_too_large"
    assert "4194304" in answer.json()["error"]["message"]


async def test_an_announced_10_mb_are_refused_before_they_come(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(_head(b"content-length: 10000000"))

    answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


async def test_an_endless_body_is_answered_while_it_comes(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(_head(b"transfer-encoding: chunked"))

    async def send() -> None:
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()

    sending = asyncio.create_task(send())
    answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413")
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    writer.close()


async def test_a_body_that_does_not_come_is_waited_for_so_long(world: World) -> None:
    async with opened(world, body_seconds=0.1) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(_head(b"content-length: 100") + b"{")

        answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_client_that_hangs_up_in_its_body_is_noted(door: Door) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(_head(b"content-length: 100") + b"{")
    await writer.drain()
    writer.close()

    await wait_until_async(lambda: b'"outcome":"client_gone"' in b"".join(door.lines), 5)


@pytest.mark.protocol("A-07")
async def test_a_revoked_key_is_refused_at_once(door: Door) -> None:
    before = await door.post(LIST)
    door.world.credentials.revoke("key_ada")
    await asyncio.sleep(0)

    after = await door.post(LIST)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_warm_call_asks_nobody(door: Door) -> None:
    await door.post(LIST)
    asked = (door.world.catalogue.asked, door.world.credentials.asked)

    for _ in range(3):
        await door.modern("tools/call", {"name": "refuse"})

    assert (door.world.catalogue.asked, door.world.credentials.asked) == asked


async def test_a_new_version_is_served_when_it_is_announced(door: Door) -> None:
    before = await door.post(LIST)
    door.world.catalogue.publish(plan("weather", "ep_weather", version=2, tools=5))
    await asyncio.sleep(0)

    after = await door.post(LIST)

    assert len(after.json()["result"]["tools"]) == len(before.json()["result"]["tools"]) + 5


async def test_a_new_key_and_a_new_endpoint_work(door: Door) -> None:
    door.world.credentials.grant("stoa_new", principal("acme", "new"), tenant="acme")
    door.world.catalogue.publish(plan("fresh", "ep_fresh"))

    answer = await door.post(LIST, path="/t/acme/fresh/mcp", token="stoa_new")

    assert answer.status_code == 200


async def test_each_request_leaves_one_line_without_secrets(door: Door) -> None:
    started = time.time()
    await door.modern("tools/call", {"name": "add", "arguments": {"a": 987654321, "b": 2}})
    await door.post(LIST, token="wrong-token")
    await wait_until_async(lambda: b"".join(door.lines).count(b"\n") == 2, 5)

    called, refused = (json.loads(line) for line in b"".join(door.lines).splitlines())

    assert (called["tenant"], called["endpoint"], called["subject"]) == ("acme", "weather", "key_ada")
    assert (called["method"], called["name"], called["status"]) == ("tools/call", "add", 200)
    assert called["at"] >= started - 1
    assert 0 < called["ms"] < 60_000
    assert (refused["status"], refused["outcome"]) == (401, "invalid_token")
    assert b"stoa_ada" not in b"".join(door.lines)
    assert b"wrong-token" not in b"".join(door.lines)
    assert b"987654321" not in b"".join(door.lines)


def _head(framing: bytes) -> bytes:
    return b"\r\n".join(
        [
            b"POST /t/acme/weather/mcp HTTP/1.1",
            b"host: 127.0.0.1",
            b"authorization: Bearer stoa_ada",
            b"content-type: application/json",
            b"accept: " + ACCEPT.encode(),
            framing,
            b"\r\n",
        ]
    )


def _without_request_id(body: dict[str, dict[str, dict[str, object]]]) -> object:
    assert str(body["error"]["data"].pop("request_id")).startswith("req_")
    return body
