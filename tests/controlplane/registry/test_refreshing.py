"""Servers elsewhere are asked now and then: endpoints follow what changed, and their health is noted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.conf import settings as django_settings
from django.utils import timezone
from pytest_django import Settings

from controlplane.composition.models import Endpoint
from controlplane.registry import refreshing, remotes
from controlplane.registry.models import Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.openapi.settings import ApiSettings
from controlplane.registry.probing import probe
from controlplane.registry.source import Source
from mcp_runtime.framework import FastMCP
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for
from tenants.models import Tenant
from tests.controlplane.api.apis import HERE, HttpApi, running
from tests.support import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _here(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STOA_FETCH_NETWORKS = HERE
    settings.STOA_STORE = tmp_path / "store"
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture
def elsewhere() -> Iterator[tuple[FastMCP, str, uvicorn.Server]]:
    mcp = FastMCP("elsewhere")
    mcp.tool(lambda: "hello", name="greet")
    app: Any = mcp.http_app()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield mcp, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{app.path}", server
    finally:
        server.should_exit = True
        thread.join()


def saved(tenant: Tenant, url: str) -> Server:
    found = asyncio.run(probe(Source(url=url), None, networks=HERE))
    with acting_for(tenant.id):
        revision, _ = remotes.save("far", found, acting=None)
        return revision.server


def refreshed(tenant: Tenant, server: Server) -> tuple[Server, int]:
    """The server and its endpoint's version afterwards."""
    asyncio.run(refreshing.refresh(tenant.id, server.id))
    with acting_for(tenant.id):
        endpoint = Endpoint.objects.select_related("published").get(slug=server.slug)
        assert endpoint.published is not None
        return Server.objects.select_related("current_revision").get(pk=server.pk), endpoint.published.number


def test_what_is_the_same_changes_nothing_and_is_well(
    acme: Tenant, elsewhere: tuple[FastMCP, str, uvicorn.Server]
) -> None:
    server, version = refreshed(acme, saved(acme, elsewhere[1]))

    assert server.health == {"ok": True, "code": "", "message": ""}
    assert server.checked_at is not None
    assert version == 1


def test_a_new_tool_reaches_the_endpoint(acme: Tenant, elsewhere: tuple[FastMCP, str, uvicorn.Server]) -> None:
    server = saved(acme, elsewhere[1])
    elsewhere[0].tool(lambda: "bye", name="part")

    server, version = refreshed(acme, server)

    assert server.current_revision is not None
    assert [tool["name"] for tool in server.current_revision.manifest["tools"]] == ["greet", "part"]
    assert version == 2


def test_one_that_is_gone_keeps_what_it_offered_and_is_not_well(
    acme: Tenant, elsewhere: tuple[FastMCP, str, uvicorn.Server]
) -> None:
    server = saved(acme, elsewhere[1])
    elsewhere[2].should_exit = True
    wait_until(lambda: not elsewhere[2].servers or not elsewhere[2].servers[0].is_serving())

    server, version = refreshed(acme, server)

    assert server.health is not None
    assert (server.health["ok"], server.health["code"], version) == (False, "upstream_failed", 1)


def test_an_api_s_document_is_followed(acme: Tenant) -> None:
    with running() as api:
        api.say("/doc.json", _document("one"))
        server = _imported(acme, api)
        api.say("/doc.json", _document("one", "two"))
        server, version = refreshed(acme, server)
        api.say("/doc.json", b"no document")
        ill, _ = refreshed(acme, server)

    assert server.current_revision is not None
    assert [tool["name"] for tool in server.current_revision.manifest["tools"]] == ["one", "two"]
    assert version == 2
    assert (ill.health or {})["code"] == "bad_document"


def test_those_that_are_due_are_found_across_tenants(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[Any] = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda self, kwargs, **_: queued.append(kwargs))
    with running() as api:
        api.say("/doc.json", _document("one"))
        server = _imported(acme, api)
    refreshing.refresh_servers()
    refreshing.refresh_servers()
    with acting_for(acme.id):
        Server.objects.update(checked_at=timezone.now() - timedelta(minutes=6))
    refreshing.refresh_servers()

    mine = [ids for ids in queued if ids["tenant_id"] == acme.id]
    assert mine == [{"tenant_id": acme.id, "server_id": server.id}] * 2


def _document(*names: str) -> dict[str, Any]:
    paths = {f"/{name}": {"get": {"operationId": name, "responses": {}}} for name in names}
    return {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}


def _imported(tenant: Tenant, api: HttpApi) -> Server:
    said = ApiSettings(url=f"{api.url}/doc.json")
    looked = asyncio.run(apis.looked_at(said, None, networks=HERE))
    with acting_for(tenant.id):
        revision, _ = apis.save("far", looked, Store(Path(django_settings.STOA_STORE)), acting=None, always=True)
        return revision.server
