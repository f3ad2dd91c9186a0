"""The sessions port, kept in memory and in Redis: the same behaviour (PROTOCOL G-02, G-06)."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import msgspec
import pytest

from mcp_runtime.ports.sessions import (
    MAX_EVENTS,
    MAX_SUBSCRIPTIONS,
    Session,
    SessionCaps,
    SessionLimit,
    Sessions,
    SessionsUnavailable,
)
from mcp_runtime.sessions import memory
from mcp_runtime.sessions import redis as redis_store
from mcp_runtime.sessions.memory import MemorySessions
from mcp_runtime.sessions.redis import RedisSessions
from tests.support.waiting import wait_until_async

CAPS = SessionCaps()


@pytest.fixture(params=["memory", "redis"])
async def sessions(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Sessions]:
    store: Sessions = MemorySessions() if request.param == "memory" else RedisSessions(redis_url)
    await store.start()
    yield store
    await store.aclose()


def session(*, tenant: str | None = None, owner: str = "ada") -> Session:
    return Session(
        id=secrets.token_urlsafe(8),
        tenant_id=tenant or f"ten_{secrets.token_hex(4)}",
        endpoint_id="ep_1",
        owner=("ten", "stoa:keys", owner, owner),
        revision="2025-11-25",
        capabilities={"elicitation": {}},
    )


async def test_an_opened_session_is_found(sessions: Sessions) -> None:
    opened = session()

    await sessions.open(opened, CAPS)

    assert await sessions.find(opened.id) == opened


async def test_an_unknown_session_is_not_found(sessions: Sessions) -> None:
    assert await sessions.find("nobody") is None


async def test_a_saved_change_is_found(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    await sessions.save(msgspec.structs.replace(opened, log_level="debug"))

    found = await sessions.find(opened.id)
    assert found is not None
    assert found.log_level == "debug"


async def test_an_ended_session_is_gone_and_stays_gone(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    await sessions.end(opened.id)
    await sessions.end(opened.id)
    await sessions.save(opened)

    assert await sessions.find(opened.id) is None


async def test_a_caller_may_have_so_many_sessions(sessions: Sessions) -> None:
    first = session()
    await sessions.open(first, SessionCaps(per_principal=1))

    with pytest.raises(SessionLimit) as caught:
        await sessions.open(session(tenant=first.tenant_id), SessionCaps(per_principal=1))
    await sessions.open(session(tenant=first.tenant_id, owner="ben"), SessionCaps(per_principal=1))

    assert caught.value.name == "sessions_per_principal"


async def test_a_tenant_may_have_so_many_sessions(sessions: Sessions) -> None:
    first = session()
    await sessions.open(first, CAPS)

    with pytest.raises(SessionLimit) as caught:
        await sessions.open(session(tenant=first.tenant_id, owner="ben"), SessionCaps(per_tenant=1))

    assert caught.value.name == "sessions_per_tenant"


async def test_an_ended_session_makes_room(sessions: Sessions) -> None:
    first = session()
    await sessions.open(first, SessionCaps(per_tenant=1))

    await sessions.end(first.id)

    await sessions.open(session(tenant=first.tenant_id), SessionCaps(per_tenant=1))


async def test_events_come_back_in_order_after_a_place(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    places = [await sessions.append(opened.id, "get", message) for message in (b"a", b"b", b"c")]

    assert await sessions.events(opened.id, "get", places[0]) == [(places[1], b"b"), (places[2], b"c")]
    assert await sessions.last(opened.id, "get") == places[2]


async def test_places_may_be_chosen(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    await sessions.append(opened.id, "abc", b"a", place="1-0")
    await sessions.append(opened.id, "abc", b"b", place="2-0")

    assert await sessions.events(opened.id, "abc", "1-0") == [("2-0", b"b")]


async def test_streams_do_not_mix(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    await sessions.append(opened.id, "one", b"a")

    assert list(await sessions.events(opened.id, "two", "0-0")) == []
    assert await sessions.last(opened.id, "two") == "0-0"


async def test_a_log_keeps_the_newest_events(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    for number in range(MAX_EVENTS + 3):
        await sessions.append(opened.id, "get", b"%d" % number)

    kept = await sessions.events(opened.id, "get", "0-0")
    assert [message for _, message in kept] == [b"%d" % number for number in range(3, MAX_EVENTS + 3)]


async def test_a_session_watches_what_it_subscribed_to(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)

    assert await sessions.watch(opened.id, "test://a")
    assert await sessions.watches(opened.id, "test://a")
    assert not await sessions.watches(opened.id, "test://b")

    await sessions.unwatch(opened.id, "test://a")
    assert not await sessions.watches(opened.id, "test://a")


async def test_a_session_watches_so_many_resources(sessions: Sessions) -> None:
    opened = session()
    await sessions.open(opened, CAPS)
    for number in range(MAX_SUBSCRIPTIONS):
        assert await sessions.watch(opened.id, f"test://{number}")

    assert not await sessions.watch(opened.id, "test://one-too-many")
    assert await sessions.watch(opened.id, "test://0")


async def test_a_ticket_is_good_once(sessions: Sessions) -> None:
    ticket = secrets.token_hex(8)

    assert [await sessions.redeem(ticket, 60), await sessions.redeem(ticket, 60)] == [True, False]


async def test_a_topic_is_heard_until_one_stops(sessions: Sessions) -> None:
    heard: list[bytes] = []
    topic = secrets.token_hex(8)
    stop = sessions.hear(topic, heard.append)

    await sessions.tell(topic, b"line one\nline two")
    await sessions.tell("another", b"not for us")
    await wait_until_async(lambda: heard)
    stop()
    await sessions.tell(topic, b"late")

    assert heard == [b"line one\nline two"]


async def test_redis_tells_other_processes(redis_url: str) -> None:
    here, there = RedisSessions(redis_url), RedisSessions(redis_url)
    await here.start()
    await there.start()
    heard: list[bytes] = []
    topic = secrets.token_hex(8)
    there.hear(topic, heard.append)

    await here.tell(topic, b"hello")

    await wait_until_async(lambda: heard == [b"hello"])
    await here.aclose()
    await there.aclose()


async def test_an_idle_session_is_over() -> None:
    now = 0.0
    store = MemorySessions(idle_seconds=60, now=lambda: now)
    opened = session()
    await store.open(opened, CAPS)
    now = 59.0
    assert await store.find(opened.id) is not None
    now = 59.0 + 60.0

    assert await store.find(opened.id) is None


async def test_an_idle_session_is_over_in_redis_as_well(redis_url: str) -> None:
    store = RedisSessions(redis_url, idle_seconds=0.05)
    await store.start()
    opened = session()
    await store.open(opened, CAPS)

    async def gone() -> bool:
        keys = await store._redis.exists(f"stoa:session:{opened.id}")
        return not keys

    await wait_until_async(gone)
    assert await store.find(opened.id) is None
    await store.aclose()


async def test_a_store_that_is_away_says_so(tmp_path: object) -> None:
    store = RedisSessions(f"unix://{tmp_path}/none.sock")
    store._client = None

    with pytest.raises(SessionsUnavailable):
        await store.find("x")


async def test_a_state_is_kept_for_its_area_until_it_is_dropped(sessions: Sessions) -> None:
    area, other = secrets.token_hex(8), secrets.token_hex(8)

    await sessions.keep(area, "k", b"1")
    await sessions.keep(area, "k", b"2")

    assert await sessions.kept(area, "k") == b"2"
    assert await sessions.kept(other, "k") is None
    assert [await sessions.drop(area, "k"), await sessions.drop(area, "k")] == [True, False]
    assert await sessions.kept(area, "k") is None


async def test_of_too_many_states_the_oldest_goes(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    for store in (memory, redis_store):
        monkeypatch.setattr(store, "MAX_STATES", 2)
    area = secrets.token_hex(8)

    for key in ("first", "second", "third"):
        await sessions.keep(area, key, key.encode())

    assert [await sessions.kept(area, key) for key in ("first", "second", "third")] == [None, b"second", b"third"]


async def test_each_process_hears_what_the_others_count_now(sessions: Sessions) -> None:
    one, other = secrets.token_hex(8), secrets.token_hex(8)

    await sessions.share(one, b"old", 60)
    await sessions.share(one, b"new", 60)

    assert b"new" in await sessions.share(other, b"other's", 60)
    assert b"new" not in await sessions.share(one, b"new", 60)
    await sessions.share(one, b"", 60)
    assert b"new" not in await sessions.share(other, b"", 60)


async def test_what_a_process_counted_is_believed_for_a_while(sessions: Sessions) -> None:
    counts = secrets.token_bytes(8)

    await sessions.share(secrets.token_hex(8), counts, 0.05)

    async def forgotten() -> bool:
        return counts not in await sessions.share(secrets.token_hex(8), b"", 60)

    await wait_until_async(forgotten)
