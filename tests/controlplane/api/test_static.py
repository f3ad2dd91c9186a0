"""Servers made of data alone: saved over the management API, and used through what it saved."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from controlplane.cli.main import main
from mcp_runtime.protocol.errors import McpError
from tests.controlplane.api.apis import HERE, HttpApi, ask, running

committed = pytest.mark.django_db(transaction=True)
"""A gateway reads in threads of its own, which see only what was committed."""

PATH = "/api/v1/tenants/acme/servers/desk"


@pytest.fixture
def api(settings: Settings) -> Iterator[HttpApi]:
    settings.STOA_FETCH_NETWORKS = HERE
    with running() as api:
        yield api


def put(client: Client, **document: Any) -> Any:
    body = json.dumps({"document": document})
    return client.put(f"{PATH}/static", data=body, content_type="application/json")


def read(uri: str) -> Any:
    [contents] = ask("desk", "resources/read", uri)["contents"]
    return contents


@committed
def test_texts_and_files_are_resources(ben: Client) -> None:
    logo = base64.b64encode(b"\x89PNG").decode()
    hours = {"uri": "desk://hours", "name": "Opening hours", "text": "9 to 5", "mime_type": "text/markdown"}

    saved = put(
        ben, title="The desk", resources=[hours, {"uri": "desk://logo", "blob": logo, "mime_type": "image/png"}]
    )

    assert saved.status_code == 200, saved.content
    assert ben.get(PATH).json()["kind"] == "static"
    assert saved.json()["revision"]["components"]["resources"] == ["desk://hours", "desk://logo"]
    assert read("desk://hours") == {"uri": "desk://hours", "text": "9 to 5", "mimeType": "text/markdown"}
    assert read("desk://logo") == {"uri": "desk://logo", "blob": logo, "mimeType": "image/png"}


@committed
def test_prompts_are_filled_in_once(ben: Client) -> None:
    messages = [{"text": "Review {{ code }} {{note}}!"}, {"role": "assistant", "text": "Gladly."}]
    arguments = [{"name": "code", "required": True}, {"name": "note"}]

    put(ben, prompts=[{"name": "review", "messages": messages, "arguments": arguments}])

    answer = ask("desk", "prompts/get", "review", code="{{note}}")
    assert answer["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "Review {{note}} !"}},
        {"role": "assistant", "content": {"type": "text", "text": "Gladly."}},
    ]


@committed
def test_http_tools_send_what_they_say(ben: Client, api: HttpApi) -> None:
    tools = [
        {
            "name": "get_pet",
            "url": f"{api.url}/pets/{{id}}?v=1",
            "arguments": {"id": {}, "limit": {"schema": {"type": "integer"}}, "X-Trace": {"place": "header"}},
        },
        {"name": "add-pet", "method": "POST", "url": f"{api.url}/pets", "arguments": {"name": {"required": True}}},
        {"name": "log_in", "method": "POST", "url": f"{api.url}/in", "body": "form", "arguments": {"user": {}}},
    ]
    saved = put(ben, tools=tools)

    assert saved.json()["revision"]["components"]["tools"] == ["get_pet", "add-pet", "log_in"], saved.content
    ask("desk", "tools/call", "get_pet", id="a/b", limit=2, **{"X-Trace": "t"})
    assert (api.last.target, api.last.headers["x-trace"]) == ("/pets/a%2Fb?v=1&limit=2", "t")
    ask("desk", "tools/call", "add-pet", name="Rex")
    assert (api.last.method, json.loads(api.last.body)) == ("POST", {"name": "Rex"})
    ask("desk", "tools/call", "log_in", user="a b")
    assert api.last.body == b"user=a%20b"


@committed
def test_http_resources_and_their_templates_are_read_with_a_credential(ben: Client, api: HttpApi) -> None:
    security = {"weather": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    resources = [
        {"uri": "weather://now", "url": f"{api.url}/now", "credential": "weather"},
        {"uri": "weather://{city}/{day}", "url": f"{api.url}/{{day}}/{{city}}"},
    ]
    saved = put(ben, security=security, resources=resources)
    body = json.dumps({"value": "k3y"})
    ben.put(f"{PATH}/secrets/WEATHER", data=body, content_type="application/json")

    assert saved.json()["secrets"] == ["WEATHER"], saved.content
    assert read("weather://now")["text"] == '{"target": "/now"}'
    assert api.last.headers["x-key"] == "k3y"
    assert read("weather://lima/today")["text"] == '{"target": "/today/lima"}'
    assert "x-key" not in api.last.headers


@committed
def test_the_same_document_changes_nothing_and_another_can_be_taken_back(ben: Client) -> None:
    put(ben, resources=[{"uri": "desk://a", "text": "1"}])
    same = put(ben, resources=[{"uri": "desk://a", "text": "1"}])
    changed = put(ben, resources=[{"uri": "desk://a", "text": "2"}])
    second = read("desk://a")["text"]
    ben.post(f"{PATH}/rollback", data="{}", content_type="application/json")

    assert [answer.json()["changed"] for answer in (same, changed)] == [False, True]
    assert (second, read("desk://a")["text"]) == ("2", "1")
    assert ben.get(f"{PATH}/static").json()["document"] == {"resources": [{"uri": "desk://a", "text": "1"}]}


@committed
def test_a_tool_cannot_be_led_into_the_platform_s_network(ben: Client, api: HttpApi) -> None:
    put(ben, tools=[{"name": "look", "url": "http://169.254.169.254/latest"}])

    with pytest.raises(McpError) as refused:
        ask("desk", "tools/call", "look")

    assert refused.value.data["code"] == "upstream_address_refused"  # type: ignore[index]


@pytest.mark.parametrize(
    "document",
    [
        {"resource": []},
        {"resources": [{"uri": "desk://a"}]},
        {"resources": [{"uri": "desk://a", "text": "x", "blob": "eA=="}]},
        {"resources": [{"uri": "no uri", "text": "x"}]},
        {"resources": [{"uri": "desk://a", "blob": "not base64!"}]},
        {"resources": [{"uri": "desk://{a}", "text": "x"}]},
        {"resources": [{"uri": "desk://{a}", "url": "https://x.example/{b}"}]},
        {"prompts": [{"name": "p", "messages": []}]},
        {"prompts": [{"name": "p", "messages": [{"text": "{{gone}}"}]}]},
        {"tools": [{"name": "a b", "url": "https://x.example"}]},
        {"tools": [{"name": "t", "url": "https://x.example/{id}"}]},
        {"tools": [{"name": "t", "url": "https://u:p@x.example/"}]},
        {"tools": [{"name": "t", "url": "ftp://x.example/"}]},
        {"tools": [{"name": "t", "url": "https://x.example/", "credential": "none"}]},
        {"tools": [{"name": "t", "url": "https://x.example/", "arguments": {"a": {"place": "path"}}}]},
        {"tools": [{"name": "t", "url": "https://x.example/", "arguments": {"a": {"schema": {"type": 1}}}}]},
        {"resources": [{"uri": "desk://a", "text": "x" * (2 * 1024 * 1024)}]},
    ],
)
def test_a_document_that_cannot_be_served_is_refused(ben: Client, document: dict[str, Any]) -> None:
    answer = put(ben, **document)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_settings"), answer.content


def test_an_outsider_finds_no_document(ben: Client, cem: Client) -> None:
    put(ben, resources=[{"uri": "desk://a", "text": "1"}])

    assert cem.get(f"{PATH}/static").status_code == 404


@committed
def test_the_command_sets_and_shows(
    ben: Client,
    live_server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", ben.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    (tmp_path / "notes.md").write_text("# Notes")
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    resources = [{"uri": "desk://notes", "file": "notes.md"}, {"uri": "desk://dot", "file": "dot.png"}]
    (tmp_path / "desk.yaml").write_text(yaml.safe_dump({"resources": resources}))

    main(["static", "set", "desk", str(tmp_path / "desk.yaml")])
    main(["static", "set", "desk", str(tmp_path / "desk.yaml")])
    main(["static", "show", "desk"])

    said = capsys.readouterr().out
    assert "desk serves revision 1 at " in said
    assert "desk is what it was." in said
    assert yaml.safe_load(said[said.index("resources:") :])["resources"][0]["text"] == "# Notes"
    assert read("desk://notes")["mimeType"] == "text/markdown"
    assert read("desk://dot")["blob"] == base64.b64encode(b"\x89PNG").decode()
