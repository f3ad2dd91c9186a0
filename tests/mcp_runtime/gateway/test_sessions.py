"""Sessions of the handshake revisions, on one gateway and on two that share nothing but the store (PROTOCOL 3.2)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import msgspec
import pytest

from mcp_runtime.gateway.limits import Caps
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.sessions import SessionCaps, Sessions
from mcp_runtime.ports.workers import Caller
from mcp_runtime.sessions.memory import MemorySessions
from mcp_runtime.sessions.redis import RedisSessions
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import ACCEPT, Door, opened
from tests.mcp_runtime.gateway.world import ADA, BEN, World
from tests.support.waiting import wait_until_async

FORM = msgspec.Raw(b'{"message":"Name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}')
CAPABILITIES: dict[str, object] = {"elicitation": {}, "sampling": {}}


@dataclass
class Asking:
    """The world's server, which also asks and announces."""

    world: World
    asked: int = 0

    async def __call__(
        self, method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink, asker: Asker | None
    ) -> object:
        given = msgspec.json.decode(params)
        arguments = given.get("arguments") or {}
        match arguments.get("do"):
            case "ask":
                assert asker is not None
                self.asked += 1
                answer = await asker(
                    "elicitation/create",
                    msgspec.Raw(
                        b'{"message":"Name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}'
                    ),
                )
                return {"content": [{"type": "text", "text": bytes(answer).decode()}]}
            case "announce":
                on_event("notifications/tools/list_changed", msgspec.Raw(b"{}"))
                on_event("notifications/resources/updated", msgspec.Raw(b'{"uri":"weather://now"}'))
                return {"content": [{"type": "text", "text": "announced"}]}
            case "leave":
                on_event("stoa/close_stream", msgspec.Raw(b"{}"))
                self.world.server.running.set()
                await self.world.server.release.wait()
                on_event("notifications/progress", msgspec.Raw(b'{"progress":1}'))
                return {"content": [{"type": "text", "text": "worth the wait"}]}
            case "level":
                for level in ("debug", "error"):
                    on_event("notifications/message", msgspec.Raw(msgspec.json.encode({"level": level, "data": level})))
                return {"content": [{"type": "text", "text": caller.log_level or ""}]}
            case "session":
                return {"content": [{"type": "text", "text": caller.session or ""}]}
        return await self.world.server(method, params, caller, on_event)


@pytest.fixture
def world() -> World:
    made = the_world.build()
    made.sandboxes.asking["srv"] = Asking(made)
    return made


@dataclass
class Pair:
    """Two gateways that a client's requests reach in turn."""

    doors: tuple[Door, Door]
    turn: int = 0

    @property
    def door(self) -> Door:
        self.turn += 1
        return self.doors[self.turn % 2]


@pytest.fixture(params=["one gateway", "two over Redis"])
async def pair(request: pytest.FixtureRequest, world: World, redis_url: str) -> AsyncIterator[Pair]:
    if request.param == "one gateway":
        async with opened(world) as door:
            yield Pair((door, door))
        return
    key = os.urandom(32)
    async with (
        opened(world, RedisSessions(redis_url), sealing_key=key) as first,
        opened(world, RedisSessions(redis_url), sealing_key=key) as second,
    ):
        yield Pair((first, second))


@dataclass
class Client:
    pair: Pair
    session: str
    version: str = "2025-11-25"

    async def post(self, body: object, **headers: str) -> httpx2.Response:
        every = {"mcp_session_id": self.session, "mcp_protocol_version": self.version} | headers
        return await self.pair.door.post(body, **every)

    async def request(self, method: str, params: object = None, *, id: object = 1, **headers: str) -> httpx2.Response:
        return await self.post({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}, **headers)

    async def call(self, do: str, *, id: object = 1) -> httpx2.Response:
        return await self.request("tools/call", {"name": "wait", "arguments": {"do": do}}, id=id)

    @contextlib.asynccontextmanager
    async def stream(self, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
        every = {"accept": "text/event-stream", "authorization": f"Bearer {ADA}", "mcp-session-id": self.session}
        every |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.pair.door.http.stream("GET", "/t/acme/weather/mcp", headers=every) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield events(answer)


@dataclass
class Event:
    id: str | None
    data: str
    retry: str | None = None

    @property
    def message(self) -> dict[str, object]:
        decoded: dict[str, object] = msgspec.json.decode(self.data)
        return decoded


async def events(answer: httpx2.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            yield Event(fields.get("id"), fields.get("data", ""), fields.get("retry"))
            fields = {}


@pytest.fixture
async def client(pair: Pair) -> Client:
    return await connect(pair)


async def connect(pair: Pair, version: str = "2025-11-25") -> Client:
    answer = await pair.door.post(
        {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": version,
                "capabilities": CAPABILITIES,
                "clientInfo": {"name": "t", "version": "1"},
            },
        }
    )
    return Client(pair, answer.headers["mcp-session-id"], version)


def text(answer: dict[str, object]) -> str:
    result = answer["result"]
    assert isinstance(result, dict)
    return str(result["content"][0]["text"])


@pytest.mark.protocol("G-02")
async def test_the_session_id_is_visible_ascii_and_new_each_time(pair: Pair) -> None:
    first, second = await connect(pair), await connect(pair)

    assert first.session != second.session
    assert all(0x21 <= ord(character) <= 0x7E for character in first.session)
    assert len(first.session) >= 32


@pytest.mark.protocol("V-04")
async def test_a_request_without_a_version_header_has_the_negotiated_version(pair: Pair) -> None:
    client = await connect(pair, "2025-06-18")

    listed = await client.request("tools/list", mcp_protocol_version="")

    assert "outputSchema" in listed.json()["result"]["tools"][0]


@pytest.mark.protocol("G-02")
async def test_an_unknown_session_is_not_found(pair: Pair) -> None:
    answer = await Client(pair, "nobody").request("tools/list")

    assert answer.status_code == 404
    assert answer.json()["error"]["data"]["code"] == "no_such_session"


@pytest.mark.protocol("G-02", "A-13")
async def test_the_session_of_another_caller_is_not_found(client: Client) -> None:
    answer = await client.request("tools/list", token=BEN)

    assert answer.status_code == 404


@pytest.mark.protocol("G-02")
async def test_a_session_is_not_found_at_another_endpoint(client: Client) -> None:
    answer = await client.request("tools/list", path="/t/acme/other/mcp")

    assert answer.status_code == 404


@pytest.mark.protocol("A-05", "G-10")
async def test_a_session_is_no_credential(client: Client) -> None:
    refused = await client.pair.door.post(
        {"jsonrpc": "2.0", "id": 1, "method": "ping"}, token=None, mcp_session_id=client.session
    )

    assert refused.status_code == 401


@pytest.mark.protocol("G-02")
async def test_a_deleted_session_is_over_everywhere(client: Client) -> None:
    headers = {"authorization": f"Bearer {ADA}", "mcp-session-id": client.session}

    ended = await client.pair.door.http.delete("/t/acme/weather/mcp", headers=headers)

    assert ended.status_code == 204
    for _ in range(2):
        assert (await client.request("ping")).status_code == 404


@pytest.mark.protocol("V-09", "V-10")
async def test_a_modern_request_ignores_a_session_header(client: Client) -> None:
    answer = await client.pair.door.modern("tools/list", mcp_session_id="nobody", last_event_id="x.1-0")

    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers


@pytest.mark.protocol("V-12")
@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
async def test_modern_methods_do_not_exist_in_a_session(client: Client, method: str) -> None:
    answer = await client.request(method)

    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == -32601


@pytest.mark.protocol("LG-01")
async def test_the_session_keeps_its_log_level(client: Client) -> None:
    before = await client.call("level")
    assert (await client.request("logging/setLevel", {"level": "debug"})).json()["result"] == {}
    after = await client.call("level")

    assert '"level":"debug"' not in before.text
    assert '"level":"debug"' in after.text


async def test_an_unknown_log_level_is_refused(client: Client) -> None:
    answer = await client.request("logging/setLevel", {"level": "loud"})

    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("S-02", "S-03")
async def test_a_question_is_asked_on_the_calls_own_stream_and_answered_anywhere(client: Client) -> None:
    calling = asyncio.create_task(_call_and_answer(client))

    name, answer = await calling

    assert name == "elicitation/create"
    assert text(answer) == '{"action":"accept","content":{"name":"Ada"}}'


async def _call_and_answer(client: Client) -> tuple[object, dict[str, object]]:
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "wait", "arguments": {"do": "ask"}}}
    headers = {
        "accept": ACCEPT,
        "authorization": f"Bearer {ADA}",
        "content-type": "application/json",
        "mcp-session-id": client.session,
    }
    door = client.pair.door
    async with door.http.stream(
        "POST", "/t/acme/weather/mcp", content=msgspec.json.encode(body), headers=headers
    ) as answer:
        method: object = None
        async for event in events(answer):
            if not event.data:
                continue
            message = event.message
            if "method" in message:
                method = message["method"]
                reply = {"action": "accept", "content": {"name": "Ada"}}
                accepted = await client.post({"jsonrpc": "2.0", "id": message["id"], "result": reply})
                assert (accepted.status_code, accepted.content) == (202, b"")
            else:
                return method, message
    raise AssertionError("The stream ended without an answer.")


@pytest.mark.protocol("S-01")
async def test_a_client_without_the_capability_is_not_asked(pair: Pair) -> None:
    answer = await pair.door.post(
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
    )
    client = Client(pair, answer.headers["mcp-session-id"])

    refused = await client.call("ask")

    assert "elicitation" in refused.json()["error"]["message"]


@pytest.mark.protocol("G-07")
async def test_a_2025_11_25_stream_is_primed(client: Client) -> None:
    answer = await client.call("level")

    first = await anext(events(answer))
    assert (first.data, first.retry) == ("", "500")
    assert first.id


@pytest.mark.protocol("G-07")
async def test_an_older_stream_is_not_primed(pair: Pair) -> None:
    client = await connect(pair, "2025-06-18")

    answer = await client.call("level")

    assert all(event.data for event in [event async for event in events(answer)])


@pytest.mark.protocol("G-06", "G-07")
async def test_a_stream_the_server_left_goes_on_where_the_client_asks(client: Client, world: World) -> None:
    answer = await client.call("leave")
    left = [event async for event in events(answer)]
    assert [event.data for event in left] == [""]
    world.server.release.set()

    async with client.stream(last_event_id=left[0].id or "") as stream:
        rest = [event async for event in stream]

    assert text(rest[-1].message) == "worth the wait"
    assert len({event.id for event in rest}) == len(rest)


@pytest.mark.protocol("G-06")
async def test_only_what_came_later_is_replayed(client: Client) -> None:
    answer = await client.call("level")
    sent = [event async for event in events(answer)]

    async with client.stream(last_event_id=sent[-2].id or "") as stream:
        again = [event async for event in stream]

    assert [event.data for event in again] == [sent[-1].data]


@pytest.mark.protocol("G-06")
@pytest.mark.parametrize("event_id", ["x", "abc.1-0", "get.x-1", "é.1-0", "a" * 200])
async def test_an_unknown_event_id_is_a_bad_request(client: Client, event_id: str) -> None:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {ADA}", "mcp-session-id": client.session}

    answer = await client.pair.door.http.get(
        "/t/acme/weather/mcp",
        headers={k.encode(): v.encode() for k, v in (headers | {"last-event-id": event_id}).items()},
    )

    assert answer.status_code == 400


@pytest.mark.protocol("G-04", "G-05", "RS-01")
async def test_the_standing_stream_brings_what_belongs_to_no_request(client: Client) -> None:
    assert (await client.request("resources/subscribe", {"uri": "weather://now"})).json()["result"] == {}

    async with client.stream() as stream:
        await client.call("announce")
        told = [(await anext(stream)).message["method"] for _ in range(2)]

    assert told == ["notifications/tools/list_changed", "notifications/resources/updated"]


@pytest.mark.protocol("RS-01")
async def test_a_resource_that_is_not_watched_is_not_told_of(client: Client) -> None:
    await client.request("resources/subscribe", {"uri": "weather://now"})
    await client.request("resources/unsubscribe", {"uri": "weather://now"})

    async with client.stream() as stream:
        await client.call("announce")
        await client.call("announce")
        told = [(await anext(stream)).message["method"] for _ in range(2)]

    assert told == ["notifications/tools/list_changed"] * 2


@pytest.mark.protocol("G-04")
async def test_a_second_standing_stream_takes_the_place_of_the_first(client: Client) -> None:
    async with client.stream() as first, client.stream() as second:
        assert [event async for event in first] == []

        await client.call("announce")
        assert (await anext(second)).message["method"] == "notifications/tools/list_changed"


async def test_the_end_of_a_session_ends_its_stream(client: Client) -> None:
    async with client.stream() as stream:
        headers = {"authorization": f"Bearer {ADA}", "mcp-session-id": client.session}
        await client.pair.door.http.delete("/t/acme/weather/mcp", headers=headers)

        assert [event async for event in stream] == []


async def test_a_cancelled_call_is_cancelled_wherever_it_runs(client: Client, world: World) -> None:
    calling = asyncio.create_task(client.request("tools/call", {"name": "wait", "arguments": {}}, id="c1"))
    await world.server.running.wait()

    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c1"}}
    assert (await client.post(cancelled)).status_code == 202

    answer = await calling
    assert world.server.cancelled.is_set()
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.protocol("H-07")
async def test_nobody_elses_call_can_be_cancelled(client: Client, world: World) -> None:
    other = await connect(client.pair)
    calling = asyncio.create_task(client.request("tools/call", {"name": "wait", "arguments": {}}, id=5))
    await world.server.running.wait()

    await other.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
    await other.request("ping")
    assert not world.server.cancelled.is_set()

    world.server.release.set()
    assert text((await calling).json()) == "released"


@pytest.mark.protocol("G-06")
async def test_hanging_up_does_not_cancel_a_call_in_a_session(client: Client, world: World) -> None:
    calling = asyncio.create_task(client.request("tools/call", {"name": "wait", "arguments": {}}))
    await world.server.running.wait()

    calling.cancel()
    await asyncio.wait({calling})
    await wait_until_async(lambda: any(b"client_gone" in line for door in client.pair.doors for line in door.lines))

    assert not world.server.cancelled.is_set()


async def test_too_many_sessions_are_refused_by_the_name_of_the_limit(world: World) -> None:
    caps = Caps(sessions=SessionCaps(per_principal=1))
    async with opened(world, MemorySessions(), caps=caps) as door:
        await connect(Pair((door, door)))

        answer = await door.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})

        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "60"
        assert answer.json()["error"]["data"]["limit"] == "sessions_per_principal"


async def test_too_many_calls_at_once_are_refused_by_the_name_of_the_limit(world: World) -> None:
    async with opened(world, caps=Caps(calls_per_principal=1)) as door:
        calling = asyncio.create_task(door.modern("tools/call", {"name": "wait", "arguments": {}}))
        await world.server.running.wait()

        refused = await door.modern("tools/call", {"name": "wait", "arguments": {}})
        world.server.release.set()
        await calling

        assert refused.status_code == 429
        assert refused.json()["error"]["data"]["limit"] == "calls_per_principal"
        assert (await door.modern("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})).status_code == 200


async def test_too_many_streams_are_refused_by_the_name_of_the_limit(world: World) -> None:
    async with opened(world, caps=Caps(streams_per_tenant=1)) as door:
        client = await connect(Pair((door, door)))
        async with client.stream():
            headers = {
                "accept": "text/event-stream",
                "authorization": f"Bearer {ADA}",
                "mcp-session-id": (await connect(Pair((door, door)))).session,
            }
            refused = await door.http.get("/t/acme/weather/mcp", headers=headers)

    assert refused.status_code == 429
    assert refused.json()["error"]["data"]["limit"] == "streams_per_tenant"


async def test_sessions_that_cannot_be_kept_are_refused_and_nothing_else(world: World, tmp_path: object) -> None:
    away: Sessions = RedisSessions(f"unix://{tmp_path}/none.sock")
    async with opened(world, away) as door:
        refused = await door.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})

        assert refused.status_code == 503
        assert (await door.modern("tools/list")).status_code == 200


@pytest.mark.fastmcp("C-13", status="safer")
async def test_a_server_knows_the_session_by_a_name_that_opens_nothing(pair: Pair) -> None:
    first, second = await connect(pair), await connect(pair)

    names = [text((await one.call("session", id=number)).json()) for number, one in enumerate((first, first, second))]

    assert names[0] == names[1] != names[2]
    assert first.session not in names
