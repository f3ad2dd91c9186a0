"""Plans in memory: loaded once, dropped when they change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from mcp_runtime.gateway import plan_cache
from mcp_runtime.gateway.plan_cache import Plans
from mcp_runtime.gateway.plans import CompiledPlan, PlanError, SchemaError, compile_schema
from mcp_runtime.ports.memory import MemoryCatalogue, MemorySandboxes
from mcp_runtime.ports.plans import Member, PlanDocument
from mcp_runtime.protocol.versions import MODERN
from tests.mcp_runtime.gateway.world import plan
from tests.support import wait_until_async


class SlowCatalogue(MemoryCatalogue):
    """Answers with what it had when asked, when told to."""

    def __init__(self, *documents: PlanDocument) -> None:
        super().__init__(*documents)
        self.answer = asyncio.Event()

    async def plan(self, tenant: str, endpoint: str) -> PlanDocument | None:
        document = await super().plan(tenant, endpoint)
        await self.answer.wait()
        return document


@pytest.fixture
def catalogue() -> MemoryCatalogue:
    return MemoryCatalogue(plan("weather", "ep_weather"))


@pytest.fixture
async def plans(catalogue: MemoryCatalogue) -> AsyncIterator[Plans]:
    plans = Plans(catalogue, MemorySandboxes())
    await plans.start()
    await asyncio.sleep(0)
    yield plans
    await plans.aclose()


async def test_a_plan_is_loaded_once(plans: Plans, catalogue: MemoryCatalogue) -> None:
    first = await plans.plan("acme", "weather")
    second = await plans.plan("acme", "weather")

    assert first is second
    assert plans.known("acme", "weather") is first
    assert catalogue.asked == 1


async def test_many_who_ask_at_once_share_one_load() -> None:
    catalogue = SlowCatalogue(plan("weather", "ep_weather"))
    plans = Plans(catalogue, MemorySandboxes())

    asking = [asyncio.create_task(plans.plan("acme", "weather")) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    catalogue.answer.set()
    found = await asyncio.gather(*asking[1:])

    assert len({id(one) for one in found}) == 1
    assert catalogue.asked == 1


async def test_a_change_is_loaded_anew(plans: Plans, catalogue: MemoryCatalogue) -> None:
    await plans.plan("acme", "weather")

    catalogue.publish(plan("weather", "ep_weather", version=2))
    await wait_until_async(lambda: plans.known("acme", "weather") is None, 5)

    found = await plans.plan("acme", "weather")
    assert found is not None
    assert found.version == 2


async def test_a_change_that_overtakes_a_load_is_not_lost() -> None:
    catalogue = SlowCatalogue(plan("weather", "ep_weather"))
    plans = Plans(catalogue, MemorySandboxes())
    asking = asyncio.create_task(plans.plan("acme", "weather"))
    await wait_until_async(lambda: catalogue.asked == 1, 5)

    catalogue.publish(plan("weather", "ep_weather", version=2))
    plans.forget("acme", "weather")
    catalogue.answer.set()

    found = await asking
    assert found is not None
    assert found.version == 2


async def test_what_is_missing_is_not_asked_for_all_the_time(plans: Plans, catalogue: MemoryCatalogue) -> None:
    assert await plans.plan("acme", "nothing") is None
    assert await plans.plan("acme", "nothing") is None

    assert catalogue.asked == 1


async def test_what_was_missing_is_found_when_it_is_published(plans: Plans, catalogue: MemoryCatalogue) -> None:
    await plans.plan("acme", "fresh")

    catalogue.publish(plan("fresh", "ep_fresh"))
    await asyncio.sleep(0.01)

    assert await plans.plan("acme", "fresh") is not None


async def test_anything_may_have_changed(plans: Plans) -> None:
    await plans.plan("acme", "weather")

    plans.forget("*", "*")

    assert plans.known("acme", "weather") is None


async def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_cache, "MAX_PLANS", 2)
    plans = Plans(MemoryCatalogue(*(plan(name, f"ep_{name}") for name in ("a", "b", "c"))), MemorySandboxes())

    for name in ("a", "b", "c"):
        await plans.plan("acme", name)

    assert [plans.known("acme", name) is not None for name in ("a", "b", "c")] == [False, True, True]


async def test_a_plan_that_cannot_be_served_says_why() -> None:
    document = PlanDocument("ten_a", "a", "ep_a", "a", 1, "a", "1", None, members=(Member("srv", "remote"),))
    plans = Plans(MemoryCatalogue(document), MemorySandboxes())

    with pytest.raises(PlanError, match="kind 'remote'"):
        await plans.plan("a", "a")


def test_a_list_is_encoded_once_per_revision() -> None:
    compiled = CompiledPlan(plan("weather", "ep_weather"), MemorySandboxes())

    assert compiled.listing("tools/list", MODERN) is compiled.listing("tools/list", MODERN)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "file:///etc/passwd"}, "passwd"),
        ({"$ref": "http://127.0.0.1:9/x"}, "127.0.0.1"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$schema": "http://example.com/odd"}, "odd"),
        ({"type": "nonsense"}, "nonsense"),
        ([], "not an object"),
        (None, "not an object"),
        ({"description": "x" * 300_000}, "longer than"),
    ],
)
def test_a_schema_that_cannot_judge_is_refused(schema: object, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        compile_schema(schema)


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(40):
        schema = {"properties": {"a": schema}}

    with pytest.raises(SchemaError, match="deeper"):
        compile_schema(schema)


def test_a_hostile_pattern_takes_no_time() -> None:
    validator = compile_schema({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}})
    judged = threading.Event()

    def judge() -> None:
        validator.is_valid({"a": "a" * 5000 + "b"})
        judged.set()

    threading.Thread(target=judge, daemon=True).start()

    assert judged.wait(20)
