"""Caps of calls and streams over several gateways (PROTOCOL T-09, C-01)."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.gateway.limits import Caps, Limits
from mcp_runtime.gateway.shared_limits import LEASE, SHARE_SECONDS, SharedLimits
from mcp_runtime.ports.sessions import Sessions
from mcp_runtime.sessions.memory import MemorySessions
from mcp_runtime.sessions.redis import RedisSessions
from mcp_runtime.transports.refusals import Refusal
from tenants.principal import Principal
from tests.mcp_runtime.gateway.conftest import opened
from tests.mcp_runtime.gateway.world import World
from tests.support import wait_until_async

CAPS = Caps(calls_per_principal=2, calls_per_tenant=3)


def principal(subject: str = "ada", tenant: str = "ten_1") -> Principal:
    return Principal(
        tenant=tenant, issuer="stoa:keys", subject=subject, kind="api_key", client_id=subject,
        scopes=frozenset(), roles=frozenset(), audience="*",
    )  # fmt: skip


def gateways(sessions: Sessions, caps: Caps = CAPS) -> list[tuple[Limits, SharedLimits]]:
    return [(limits, SharedLimits(limits, sessions)) for limits in (Limits(caps), Limits(caps))]


async def test_what_a_caller_has_elsewhere_counts_here() -> None:
    (first, telling), (second, heeding) = gateways(MemorySessions())
    first.take_call(principal())
    first.take_call(principal())
    await telling.share()
    await heeding.share()

    with pytest.raises(Refusal) as refused:
        second.take_call(principal())

    assert refused.value.more["limit"] == "calls_per_principal"
    assert dict(refused.value.headers)[b"retry-after"] == b"1"


async def test_what_others_of_the_tenant_have_elsewhere_counts_here() -> None:
    (first, telling), (second, heeding) = gateways(MemorySessions())
    for subject in ("ada", "ben"):
        first.take_call(principal(subject))
    await telling.share()
    await heeding.share()
    second.take_call(principal("dora"))

    with pytest.raises(Refusal) as refused:
        second.take_call(principal("dora"))

    assert refused.value.more["limit"] == "calls_per_tenant"


async def test_another_tenant_and_another_kind_are_not_concerned() -> None:
    (first, telling), (second, heeding) = gateways(MemorySessions())
    first.take_call(principal())
    first.take_call(principal())
    await telling.share()
    await heeding.share()

    second.take_call(principal(tenant="ten_2"))
    with second.stream(principal()):
        assert second.open_streams == 1


async def test_what_is_over_elsewhere_counts_no_more() -> None:
    (first, telling), (second, heeding) = gateways(MemorySessions())
    first.take_call(principal())
    first.take_call(principal())
    await telling.share()
    await heeding.share()
    first.give_call(principal())
    first.give_call(principal())
    await telling.share()
    await heeding.share()

    second.take_call(principal())

    assert second.in_flight == 1


async def test_what_a_dead_process_told_is_forgotten_with_its_lease() -> None:
    now = [0.0]
    (first, telling), (second, heeding) = gateways(MemorySessions(now=lambda: now[0]))
    first.take_call(principal())
    first.take_call(principal())
    await telling.share()
    now[0] += LEASE * SHARE_SECONDS + 0.1
    await heeding.share()

    second.take_call(principal())

    assert second.in_flight == 1


async def test_where_the_others_cannot_be_heard_each_counts_alone(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(CAPS)
    limits.heed({("calls", principal().identity): 2})
    alone = SharedLimits(limits, RedisSessions("unix:///nowhere/redis.sock"))  # which was not started

    await alone.share()
    await alone.share()
    limits.take_call(principal())

    assert limits.in_flight == 1
    assert caplog.text.count("count this process alone") == 1


async def test_counts_too_small_to_matter_are_not_told() -> None:
    limits = Limits(Caps(calls_per_principal=256, calls_per_tenant=1_024))
    for _ in range(3):
        limits.take_call(principal())

    few = limits.notable()
    limits.take_call(principal())

    assert few == []
    assert limits.notable() == [(("calls", principal().identity), 4)]


@pytest.mark.protocol("T-09")
async def test_a_cap_on_streams_holds_over_two_gateways(world: World, redis_url: str) -> None:
    caps = Caps(streams_per_principal=1)
    asked: dict[str, object] = {"notifications": {"toolsListChanged": True}}
    async with (
        opened(world, RedisSessions(redis_url), caps=caps) as one,
        opened(world, RedisSessions(redis_url), caps=caps) as other,
        asyncio.timeout(60),
    ):
        await other.gateway.start()  # the first request of the other one would
        listening = asyncio.create_task(one.modern("subscriptions/listen", asked))
        await wait_until_async(lambda: one.gateway.figures.streams == 1)
        shared = [door.gateway._shared_limits for door in (one, other)]
        for limits in shared:
            assert limits is not None
            await limits.aclose()  # its own rounds, so that it has heard exactly what the test lets it hear
            await limits.share()

        answer = await other.modern("subscriptions/listen", asked)
        one.gateway.drain()
        await listening

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["data"]["limit"] == "streams_per_principal"
