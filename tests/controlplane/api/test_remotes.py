"""Servers that run elsewhere, over the API, and a call through what it saved."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from controlplane.audit.models import Entry
from controlplane.cli.main import main
from controlplane.composition.catalogue import DatabaseCatalogue
from controlplane.registry.models import Revision
from controlplane.vault.secrets import DatabaseSecrets
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.framework import FastMCP
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.workers import Caller
from tenants.context import acting_for
from tests.controlplane.api.conftest import Bearer
from tests.support import wait_until
from tests.support.cast import Cast

committed = pytest.mark.django_db(transaction=True)
"""A gateway reads in threads of its own, which see only what was committed."""

ACME = "/api/v1/tenants/acme"
HERE = ["127.0.0.0/8"]


@dataclass
class Upstream:
    """Somebody else's server, which wants a key."""

    mcp: FastMCP
    url: str = ""
    key: str = "Bearer let-me-in"
    seen: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            shown = dict(scope["headers"]).get(b"authorization", b"").decode()
            self.seen.append(shown)
            if shown != self.key:
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
        await self.app(scope, receive, send)

    def __post_init__(self) -> None:
        self.app: Any = self.mcp.http_app()


@pytest.fixture
def upstream(settings: Settings) -> Iterator[Upstream]:
    settings.STOA_FETCH_NETWORKS = HERE
    mcp = FastMCP("elsewhere", instructions="Add things.")

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    upstream = Upstream(mcp)
    config = uvicorn.Config(upstream, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        upstream.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{upstream.app.path}"
        yield upstream
    finally:
        server.should_exit = True
        thread.join()


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    return client.generic(method, f"{ACME}{path}", data=json.dumps(body or {}), content_type="application/json")


def remote(upstream: Upstream, value: str = "let-me-in") -> dict[str, object]:
    return {"url": upstream.url, "credential": {"value": value}}


def call(endpoint: str, tool: str, **arguments: object) -> Any:
    """Through the published plan, as a gateway has it."""

    async def run() -> Any:
        remotes = Remotes(DatabaseSecrets(), networks=HERE)
        document = await DatabaseCatalogue().plan("acme", endpoint)
        assert document is not None
        found = CompiledPlan(document, MemorySandboxes(), remotes).tools[tool]
        params = msgspec.Raw(msgspec.json.encode({"name": found.upstream_name, "arguments": arguments}))
        try:
            caller = Caller(request_id="req_1", subject="usr_1", client_id="cli")
            return msgspec.json.decode(await found.upstream.call("tools/call", params, caller=caller))
        finally:
            await remotes.aclose()

    return async_to_sync(run)()


def test_a_probe_tells_what_answers_and_saves_nothing(ben: Client, cast: Cast, upstream: Upstream) -> None:
    found = send(ben, "POST", "/remotes/probe", remote(upstream))

    assert found.status_code == 200, found.content
    assert found.json()["server_name"] == "elsewhere"
    assert (found.json()["transport"], found.json()["tools"]) == ("streamable-http", ["add"])
    assert found.json()["era"]
    with acting_for(cast.acme.id):
        assert not Revision.objects.exists()


@committed
def test_a_remote_server_is_saved_and_called(ben: Client, upstream: Upstream) -> None:
    saved = send(ben, "PUT", "/servers/far/remote", remote(upstream))

    assert saved.status_code == 200, saved.content
    assert saved.json()["revision"]["components"]["tools"] == ["add"]
    assert ben.get(f"{ACME}/servers/far").json()["kind"] == "remote"
    assert call("far", "add", a=1, b=2)["structuredContent"] == {"result": 3}


def test_its_credential_is_sealed_and_told_nobody(ben: Client, cast: Cast, upstream: Upstream) -> None:
    saved = send(ben, "PUT", "/servers/far/remote", remote(upstream))
    shown = [saved, ben.get(f"{ACME}/servers/far"), ben.get(f"{ACME}/endpoints/far/preview")]

    assert all(b"let-me-in" not in answer.content for answer in shown)
    with acting_for(cast.acme.id):
        stored = json.dumps(list(Revision.objects.values("source", "manifest")))
        assert "let-me-in" not in stored
        assert {"secret.set", "revision.probed", "revision.activated"} <= set(
            Entry.objects.values_list("action", flat=True)
        )


@committed
def test_it_is_composed_like_any_other_server(ben: Client, upstream: Upstream) -> None:
    send(ben, "PUT", "/servers/far/remote", remote(upstream))
    tools = {"add": {"name": "one_more", "arguments": {"b": {"value": 1}}}}
    composition = {"members": [{"server": "far", "tools": tools}]}
    send(ben, "POST", "/endpoints", {"name": "all", "composition": composition})
    published = send(ben, "POST", "/endpoints/all/publish")

    assert published.status_code == 200, published.content
    assert call("all", "one_more", a=41)["structuredContent"] == {"result": 42}


@committed
def test_a_refresh_follows_what_it_offers_now(ben: Client, upstream: Upstream) -> None:
    send(ben, "PUT", "/servers/far/remote", remote(upstream))
    same = send(ben, "POST", "/servers/far/refresh")

    @upstream.mcp.tool
    def double(a: int) -> int:
        return a * 2

    changed = send(ben, "POST", "/servers/far/refresh")

    assert (same.json()["changed"], changed.json()["changed"]) == (False, True)
    assert ben.get(f"{ACME}/endpoints/far").json()["version"] == 2
    assert call("far", "double", a=4)["structuredContent"] == {"result": 8}


@committed
def test_a_credential_that_was_changed_is_used_from_then_on(ben: Client, upstream: Upstream) -> None:
    send(ben, "PUT", "/servers/far/remote", remote(upstream))
    upstream.key = "Bearer another"

    send(ben, "PUT", "/servers/far/secrets/UPSTREAM_CREDENTIAL", {"value": "another"})

    assert call("far", "add", a=1, b=2)["structuredContent"] == {"result": 3}
    assert ben.get(f"{ACME}/endpoints/far").json()["version"] == 2


@pytest.mark.parametrize("value", ["wrong", "let-me-in\r\nX-Other: 1"])
def test_what_is_not_let_in_is_not_saved(ben: Client, cast: Cast, upstream: Upstream, value: str) -> None:
    answer = send(ben, "PUT", "/servers/far/remote", remote(upstream, value))

    assert answer.status_code == 422
    assert answer.json()["code"] in ("upstream_refused", "upstream_failed")
    assert value not in answer.json()["detail"]
    with acting_for(cast.acme.id):
        assert not Revision.objects.exists()


def test_a_component_that_cannot_be_served_does_not_keep_the_others_out(
    ben: Client, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    @upstream.mcp.tool(name="b\x07d")
    def bad() -> str:
        return ""

    saved = send(ben, "PUT", "/servers/far/remote", remote(upstream))

    assert saved.json()["found"]["tools"] == ["add"]
    assert saved.json()["found"]["left_out"][0]["kind"] == "tools"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/mcp", "upstream_failed"),
        ("http://169.254.169.254/latest", "upstream_address_refused"),
        ("http://192.168.0.1/mcp", "upstream_address_refused"),
        ("https://[::ffff:10.0.0.1]/mcp", "upstream_address_refused"),
        ("http://user:pass@127.0.0.1/mcp", "invalid_source"),
        ("ftp://example.com/mcp", "invalid_source"),
        ("https:///mcp", "invalid_source"),
        ("http://127.0.0.1:99999/mcp", "invalid_source"),
        ("not an address", "invalid_source"),
    ],
)
def test_an_address_that_is_none_or_not_for_tenants_is_refused(
    ben: Client, upstream: Upstream, url: str, code: str
) -> None:
    answer = send(ben, "PUT", "/servers/far/remote", {"url": url})

    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.content


@pytest.mark.parametrize("header", ["Host", "Mcp-Session-Id", "a b", "X-K\r\ney", "Content-Length"])
def test_a_header_that_is_not_a_credential_s_is_refused(ben: Client, upstream: Upstream, header: str) -> None:
    body = {"url": upstream.url, "credential": {"header": header, "value": "x"}}

    answer = send(ben, "PUT", "/servers/far/remote", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_source")


def test_kinds_do_not_mix_under_one_name(ben: Client, upstream: Upstream) -> None:
    send(ben, "POST", "/servers", {"name": "code"})
    send(ben, "PUT", "/servers/far/remote", remote(upstream))

    over_code = send(ben, "PUT", "/servers/code/remote", remote(upstream))
    refresh = send(ben, "POST", "/servers/code/refresh")
    over_remote = ben.post(f"{ACME}/servers/far/revisions", data={"bundle": SimpleUploadedFile("x.py", b"mcp = 1\n")})

    assert [answer.json()["code"] for answer in (over_code, refresh, over_remote)] == ["wrong_kind"] * 3


def test_without_the_right_to_secrets_no_credential_is_set(cast: Cast, bearer: Bearer, upstream: Upstream) -> None:
    client = bearer(cast.acme, {"servers:write"})

    answer = send(client, "PUT", "/servers/far/remote", remote(upstream))

    assert answer.status_code == 403
    assert answer.json()["permission"] == "secrets:write"
    assert upstream.seen == []


@committed
def test_a_rollback_returns_to_the_address_of_before(ben: Client, upstream: Upstream) -> None:
    send(ben, "PUT", "/servers/far/remote", remote(upstream))
    send(ben, "PUT", "/servers/far/remote", {**remote(upstream), "transport": "streamable-http"})

    back = send(ben, "POST", "/servers/far/rollback")

    assert back.json()["number"] == 1
    assert call("far", "add", a=1, b=2)["structuredContent"] == {"result": 3}


@committed
def test_the_command_saves_refreshes_and_says_what_it_found(
    ben: Client,
    upstream: Upstream,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", ben.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "))

    for arguments in (
        ["probe", upstream.url, "--credential"],
        ["set", "far", upstream.url, "--credential"],
        ["refresh", "far"],
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO("let-me-in\n"))
        main(["remote", *arguments])

    said = capsys.readouterr()
    assert "far serves revision 1 at " in said.out
    assert "far offers what it did." in said.out
    assert said.err.count("tools: add") == 3
    assert "let-me-in" not in said.out + said.err


@committed
def test_a_server_of_the_registry_is_saved_with_what_it_asks_for(
    ben: Client,
    upstream: Upstream,
    live_server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = {
        "name": "Authorization",
        "value": "Bearer {key}",
        "variables": {"key": {"isRequired": True, "isSecret": True}},
    }
    remote: dict[str, Any] = {
        "type": "streamable-http",
        "url": upstream.url.replace("/mcp", "/{path}"),
        "headers": [key],
    }
    remote["variables"] = {"path": {"isRequired": True}}
    (tmp_path / "server.json").write_text(json.dumps({"name": "io.github.ada/Far.Away", "remotes": [remote]}))
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", ben.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    monkeypatch.setattr("sys.stdin", io.StringIO("let-me-in\n"))

    main(["import", str(tmp_path / "server.json"), "--set", "path=mcp", "--set", "key"])
    main(["export", "--client", "bridge"])

    said = capsys.readouterr()
    exported = json.loads(said.out[said.out.index("{") :])
    assert "far-away serves revision 1 at " in said.out
    assert exported["mcpServers"]["far-away"]["args"][1].endswith("/t/acme/far-away/mcp")
    assert "let-me-in" not in said.out + said.err
    assert call("far-away", "add", a=1, b=2)["structuredContent"] == {"result": 3}
