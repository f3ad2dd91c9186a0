"""People's own connections to servers elsewhere: from the first call to the refresh (PROTOCOL 5.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from asgiref.sync import async_to_sync
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from controlplane.audit.models import Entry
from controlplane.composition.catalogue import DatabaseCatalogue
from controlplane.connections.lending import DatabaseConnections
from controlplane.connections.models import Attempt, Connection
from controlplane.registry.models import Server
from controlplane.vault.secrets import DatabaseSecrets
from controlplane.vault.services import rotate_data_key
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from tenants.context import acting_for, in_thread
from tests.controlplane.connections.upstream import Upstream, serving
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

HERE = ["127.0.0.0/8"]
URL_CLIENT: dict[str, object] = {"elicitation": {"url": {}}}


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture
def upstream(settings: Settings) -> Iterator[Upstream]:
    settings.STOA_FETCH_NETWORKS = HERE
    with serving() as upstream:
        yield upstream


@pytest.fixture
def ada(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ada)
    return client


@pytest.fixture
def ben(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ben)
    return client


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    address = f"/api/v1/tenants/acme/servers/elsewhere/{path}"
    return client.generic(method, address, data=json.dumps(body or {}), content_type="application/json")


def connected(client: Client, upstream: Upstream) -> Any:
    """Logs in, in one browser, from beginning to end."""
    begun = send(client, "POST", "connection")
    assert begun.status_code == 201, begun.content
    return client.get(upstream.callback(begun.json()["authorization_url"]))


@pytest.fixture
def server(cast: Cast, ada: Client, upstream: Upstream) -> str:
    """Published as acme's `elsewhere`, with Ada connected and nobody else."""
    saved = send(ada, "PUT", "upstream", {"url": upstream.url})
    assert saved.status_code == 200, saved.content
    assert connected(ada, upstream).status_code == 200
    served = send(ada, "PUT", "remote", {"url": upstream.url})
    assert served.status_code == 200, served.content
    upstream.seen.clear()
    with acting_for(cast.acme.id):
        return Server.objects.get().id


def call(subject: str, *, asker: Any = None, used: list[str] | None = None, times: int = 1, **client: Any) -> list[Any]:
    """Through the published plan, as a gateway has it."""

    def noted(method: str, params: msgspec.Raw) -> None:
        if used is not None and method == "stoa/credential":
            used.append(msgspec.json.decode(params))

    async def run() -> list[Any]:
        remotes = Remotes(DatabaseSecrets(), connections=DatabaseConnections(), networks=HERE)
        document = await DatabaseCatalogue().plan("acme", "elsewhere")
        assert document is not None
        found = CompiledPlan(document, MemorySandboxes(), remotes).tools["add"]
        params = msgspec.Raw(msgspec.json.encode({"name": found.upstream_name, "arguments": {"a": 1, "b": 2}}))
        caller = Caller(request_id="req_1", subject=subject, client_id="cli", **client)
        try:
            answers = await asyncio.gather(
                *(
                    found.upstream.call("tools/call", params, caller=caller, on_event=noted, asker=asker)
                    for _ in range(times)
                )
            )
            return [msgspec.json.decode(answer)["content"][0]["text"] for answer in answers]
        finally:
            await remotes.aclose()

    return async_to_sync(run)()


def test_a_call_uses_the_callers_own_connection(server: str, cast: Cast, upstream: Upstream) -> None:
    used: list[str] = []

    assert call(cast.ada.pk, used=used) == ["3"]

    with acting_for(cast.acme.id):
        row = Connection.objects.get()
    assert (row.owner, used) == (cast.ada.pk, [row.id])
    assert set(upstream.seen) <= upstream.access


@pytest.mark.parametrize(
    ("client", "code"),
    [
        ({}, -32603),
        ({"client_capabilities": {"elicitation": {}}, "protocol_version": "2025-11-25"}, -32603),
        ({"client_capabilities": URL_CLIENT, "protocol_version": "2025-11-25"}, -32042),
        ({"client_capabilities": URL_CLIENT, "protocol_version": "2026-07-28"}, -32603),
    ],
)
def test_who_is_not_connected_is_told_where_to_log_in(
    server: str, cast: Cast, upstream: Upstream, client: dict[str, Any], code: int
) -> None:
    with pytest.raises(McpError, match="/connect/acme/elsewhere") as raised:
        call(cast.ben.pk, **client)

    assert raised.value.code == code
    assert isinstance(raised.value.data, dict)
    assert raised.value.data["code"] == "connection_needed"
    assert ("elicitations" in raised.value.data) == (code == -32042)
    assert not upstream.seen


def test_a_client_that_opens_addresses_is_sent_there_and_the_call_goes_on(
    server: str, cast: Cast, ben: Client, upstream: Upstream
) -> None:
    asked: list[Any] = []

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked.append((method, msgspec.json.decode(params)))
        await in_thread(connected, ben, upstream)
        return msgspec.Raw(b'{"action":"accept"}')

    assert call(cast.ben.pk, asker=asker, client_capabilities=URL_CLIENT) == ["3"]
    [(method, question)] = asked
    assert (method, question["mode"]) == ("elicitation/create", "url")
    assert urlsplit(question["url"]).path == "/connect/acme/elsewhere"


def test_who_declines_gets_the_error(server: str, cast: Cast) -> None:
    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        return msgspec.Raw(b'{"action":"decline"}')

    with pytest.raises(McpError, match="log in"):
        call(cast.ben.pk, asker=asker, client_capabilities=URL_CLIENT)


def test_a_token_is_renewed_ahead_of_time_and_once_for_all_callers(server: str, cast: Cast, upstream: Upstream) -> None:
    with acting_for(cast.acme.id):
        Connection.objects.update(expires_at=timezone.now() + timedelta(seconds=60))

    assert call(cast.ada.pk, times=8) == ["3"] * 8
    assert upstream.refreshes == 1


def test_a_token_that_ended_is_renewed_once_however_many_processes_ask(
    server: str, cast: Cast, upstream: Upstream
) -> None:
    with acting_for(cast.acme.id):
        Connection.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    async def ask() -> list[Any]:
        ports = [DatabaseConnections() for _ in range(4)]
        return await asyncio.gather(*(one.lent(cast.acme.id, server, cast.ada.pk, url=upstream.url) for one in ports))

    lent = async_to_sync(ask)()
    assert upstream.refreshes == 1
    assert {one.token for one in lent} <= upstream.access


def test_a_token_that_the_upstream_refuses_is_renewed_and_the_call_sent_again(
    server: str, cast: Cast, upstream: Upstream
) -> None:
    upstream.access.clear()

    assert call(cast.ada.pk) == ["3"]
    assert upstream.refreshes == 1


def test_a_connection_that_the_upstream_ended_needs_a_new_log_in(server: str, cast: Cast, upstream: Upstream) -> None:
    upstream.access.clear()
    upstream.refresh.clear()

    with pytest.raises(McpError, match="log in"):
        call(cast.ada.pk)

    with acting_for(cast.acme.id):
        assert Connection.objects.get().state == "ended"
        assert Entry.objects.filter(action="connection.lapsed").exists()


def test_a_token_goes_to_the_address_that_it_was_given_for_only(server: str, cast: Cast, upstream: Upstream) -> None:
    elsewhere = async_to_sync(DatabaseConnections().lent)(
        cast.acme.id, server, cast.ada.pk, url="https://evil.example/mcp"
    )

    assert elsewhere is None


def test_a_log_in_ends_in_the_browser_that_began_it_and_once(
    cast: Cast, ada: Client, ben: Client, server: str, upstream: Upstream
) -> None:
    begun = send(ada, "POST", "connection").json()["authorization_url"]
    back = upstream.callback(begun)

    assert ben.get(back).status_code == 400
    assert ada.get(back).status_code == 200
    assert ada.get(back).status_code == 400
    with acting_for(cast.acme.id):
        assert list(Connection.objects.values_list("owner", flat=True)) == [cast.ada.pk]


@pytest.mark.parametrize("change", [{"iss": "https://evil.example"}, {"iss": None}, {"code": None}, {"error": "x"}])
def test_an_answer_of_somebody_else_connects_nobody(
    cast: Cast, ben: Client, server: str, upstream: Upstream, change: dict[str, Any]
) -> None:
    begun = send(ben, "POST", "connection").json()["authorization_url"]
    answer = {k: v for k, v in (upstream.log_in(begun) | change).items() if v is not None}

    assert ben.get("/connect/acme/callback", answer).status_code == 400
    with acting_for(cast.acme.id):
        assert not Connection.objects.filter(owner=cast.ben.pk).exists()
        assert not Attempt.objects.exists()


def test_a_log_in_that_took_too_long_connects_nobody(cast: Cast, ben: Client, server: str, upstream: Upstream) -> None:
    begun = send(ben, "POST", "connection").json()["authorization_url"]
    with acting_for(cast.acme.id):
        Attempt.objects.update(created_at=timezone.now() - timedelta(minutes=11))

    assert ben.get(upstream.callback(begun)).status_code == 400


def test_the_page_leads_there_and_ends_a_connection(cast: Cast, ben: Client, server: str, upstream: Upstream) -> None:
    page = "/connect/acme/elsewhere"

    before = ben.get(page)
    begun = ben.post(page, {"do": "connect"})
    ben.get(upstream.callback(begun.context["address"]))
    during = ben.get(page)
    after = ben.post(page, {"do": "disconnect"})

    assert "not connected" in before.content.decode()
    assert "connected since" in during.content.decode()
    assert "not connected" in after.content.decode()


def test_an_outsider_finds_no_page(cast: Cast, server: str) -> None:
    cem = Client()
    cem.force_login(cast.cem)

    assert cem.get("/connect/acme/elsewhere").status_code == 404
    assert cem.get("/connect/acme/callback", {"state": "x", "code": "y"}).status_code == 404


def test_one_connection_may_serve_the_whole_tenant(cast: Cast, ada: Client, ben: Client, upstream: Upstream) -> None:
    send(ada, "PUT", "upstream", {"url": upstream.url, "shared": True})
    connected(ada, upstream)
    send(ada, "PUT", "remote", {"url": upstream.url})

    assert call("key_1") == ["3"]
    assert send(ben, "GET", "connection").json()["owner"] == ""


def test_a_token_from_elsewhere_connects_as_well(cast: Cast, ben: Client, server: str, upstream: Upstream) -> None:
    upstream.access.add("personal-access-token")

    assert send(ben, "PUT", "connection", {"token": "two words"}).status_code == 422
    assert send(ben, "PUT", "connection", {"token": "personal-access-token"}).status_code == 204
    assert call(cast.ben.pk) == ["3"]
    assert send(ben, "DELETE", "connection").status_code == 204
    assert send(ben, "GET", "connection").status_code == 204
    with pytest.raises(McpError, match="log in"):
        call(cast.ben.pk)


def test_connections_survive_a_new_data_key(server: str, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        assert rotate_data_key(acting=None) >= 2

    assert call(cast.ada.pk) == ["3"]


def test_no_token_or_secret_is_in_the_database_or_in_an_answer(
    server: str, cast: Cast, ada: Client, upstream: Upstream
) -> None:
    call(cast.ada.pk)
    rows = ""
    with acting_for(cast.acme.id), database.cursor() as cursor:
        for table in ("connections_connection", "connections_upstream", "audit_entry"):
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} t")
            rows += str(cursor.fetchall())
    told = send(ada, "GET", "upstream").content.decode() + send(ada, "GET", "connection").content.decode()

    assert upstream.spoken
    for secret in upstream.spoken:
        assert secret not in rows
        assert secret.encode().hex() not in rows
        assert secret not in told


def test_the_client_document_is_for_public_addresses(settings: Settings, client: Client) -> None:
    assert client.get("/connect/acme/client.json").status_code == 404
    settings.STOA_PUBLIC_URL = "https://mcp.example.com"

    document = client.get("/connect/acme/client.json").json()

    assert document["client_id"] == "https://mcp.example.com/connect/acme/client.json"
    assert document["redirect_uris"] == ["https://mcp.example.com/connect/acme/callback"]


def test_what_is_asked_of_an_upstream_is_of_the_tenant_alone(ada: Client, upstream: Upstream) -> None:
    send(ada, "PUT", "upstream", {"url": upstream.url})

    [client] = upstream.clients.values()
    begun = dict(parse_qsl(urlsplit(send(ada, "POST", "connection").json()["authorization_url"]).query))

    assert client["redirect_uris"] == [begun["redirect_uri"]]
    assert urlsplit(begun["redirect_uri"]).path == "/connect/acme/callback"


@pytest.mark.parametrize("path", ["/nothing", ""])
def test_a_server_without_a_log_in_is_told_so(ada: Client, upstream: Upstream, path: str) -> None:
    answer = send(ada, "PUT", "upstream", {"url": f"{upstream.base}{path}"})

    assert (answer.status_code, answer.json()["code"]) == (422, "upstream_login_failed")
