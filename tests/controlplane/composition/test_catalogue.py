from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from django.db.models import F
from pytest_django import Settings

from controlplane import announcements
from controlplane.composition import catalogue
from controlplane.composition.catalogue import EVERYTHING, DatabaseCatalogue
from controlplane.composition.models import Endpoint, PlanCounter
from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import Revision
from tenants.context import acting_for, in_thread
from tenants.models import Tenant
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

MANIFEST: dict[str, Any] = {
    "name": "weather",
    "tools": [{"name": "get", "inputSchema": {"type": "object", "properties": {"zone": {}, "at": {}}}}],
    "resources": [],
    "resource_templates": [],
    "prompts": [],
}


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


def changes_of(source: DatabaseCatalogue) -> AsyncGenerator[tuple[str, str], None]:
    """Its changes, as the generator they are: tests close it when they have heard enough."""
    return cast("AsyncGenerator[tuple[str, str], None]", source.changes())


def deploy(tenant: Tenant, slug: str = "weather") -> Revision:
    """A revision that is built and active, without a build."""
    with acting_for(tenant.id):
        revision = services.submit_revision(slug, bundle="a" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=revision.pk).update(
            status="superseded", code="c" * 64, entrypoint="server.py", manifest=MANIFEST
        )
        revision.refresh_from_db()
        activate(revision, acting=None)
    return revision


async def test_a_published_plan_is_found_by_its_address(cast: Cast) -> None:
    revision = await in_thread(deploy, cast.acme)

    plan = await DatabaseCatalogue().plan("acme", "weather")

    assert plan is not None
    assert plan.tenant_id == cast.acme.id
    assert plan.members[0].worker is not None
    assert plan.members[0].worker.revision_id == revision.id


async def test_the_order_of_a_schema_s_properties_is_kept(cast: Cast) -> None:
    await in_thread(deploy, cast.acme)

    plan = await DatabaseCatalogue().plan("acme", "weather")

    assert plan is not None
    schema: Any = plan.tools[0].definition["inputSchema"]
    assert list(schema["properties"]) == ["zone", "at"]


@pytest.mark.parametrize("address", ["acme/nothing", "nobody/weather", "globex/weather", "acme/new"])
async def test_what_is_not_published_there_is_not_found(cast: Cast, address: str) -> None:
    def prepare() -> None:
        deploy(cast.acme)
        with acting_for(cast.acme.id):
            services.register("new", acting=None)

    await in_thread(prepare)

    assert await DatabaseCatalogue().plan(*address.split("/")) is None


async def test_a_suspended_tenant_has_no_plans(cast: Cast) -> None:
    def suspend() -> None:
        deploy(cast.acme)
        with acting_for(cast.acme.id):
            Tenant.objects.update(status="suspended")

    await in_thread(suspend)

    assert await DatabaseCatalogue().plan("acme", "weather") is None


async def test_each_activation_publishes_another_version(cast: Cast) -> None:
    await in_thread(deploy, cast.acme)
    await in_thread(deploy, cast.acme)

    plan = await DatabaseCatalogue().plan("acme", "weather")

    assert plan is not None
    assert plan.version == 2


async def test_a_change_is_heard_by_whoever_listens(cast: Cast) -> None:
    changes = changes_of(DatabaseCatalogue())
    subscribed = await asyncio.wait_for(anext(changes), 10)

    await in_thread(deploy, cast.acme)
    heard = await asyncio.wait_for(anext(changes), 10)

    assert subscribed == EVERYTHING
    assert heard == ("acme", "weather")
    await changes.aclose()


async def test_a_change_that_was_not_announced_is_noticed_by_the_counter(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "POLL_SECONDS", 0.05)
    changes = changes_of(DatabaseCatalogue())
    await asyncio.wait_for(anext(changes), 10)
    waiting = asyncio.create_task(anext(changes))

    def publish_in_silence() -> None:
        PlanCounter.objects.get_or_create(pk=PlanCounter.ROW)
        PlanCounter.objects.update(published=F("published") + 1)

    await in_thread(publish_in_silence)
    heard = await asyncio.wait_for(waiting, 10)

    assert heard == EVERYTHING
    await changes.aclose()


async def test_without_redis_changes_are_still_noticed(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(catalogue, "POLL_SECONDS", 0.05)
    changes = changes_of(DatabaseCatalogue())
    waiting = asyncio.create_task(anext(changes))

    async def deploy_until_heard() -> tuple[str, str]:
        while not waiting.done():
            await in_thread(deploy, cast.acme)
        return await waiting

    heard = await asyncio.wait_for(deploy_until_heard(), 20)

    assert heard == EVERYTHING
    await changes.aclose()


def test_endpoints_of_another_tenant_are_not_seen(cast: Cast) -> None:
    deploy(cast.acme)

    with acting_for(cast.globex.id):
        assert Endpoint.objects.count() == 0
    assert announcements.PLANS == "stoa:plans"
