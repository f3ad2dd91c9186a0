"""Deploying, looking and rolling back over the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from controlplane.audit.models import Entry
from controlplane.composition.models import Endpoint
from controlplane.registry.models import Revision, Server
from tenants.context import acting_for
from tests.support.cast import Cast

SERVERS = "/api/v1/tenants/acme/servers"


def upload(client: Client, name: str = "weather", text: str = "mcp = 1\n", **fields: str) -> Any:
    bundle = SimpleUploadedFile("weather.py", text.encode())
    return client.post(f"{SERVERS}/{name}/revisions", data={"bundle": bundle, **fields})


def test_a_deploy_is_accepted_and_registers_server_and_endpoint(ben: Client, cast: Cast, settings: Settings) -> None:
    answer = upload(ben, entrypoint="weather.py:mcp")

    assert answer.status_code == 202
    body = answer.json()
    assert (body["server"], body["number"], body["status"]) == ("weather", 1, "queued")
    assert body["log_url"].endswith(f"/api/v1/tenants/acme/revisions/{body['id']}/log")
    assert body["endpoint_url"].endswith("/t/acme/weather/mcp")
    with acting_for(cast.acme.id):
        revision = Revision.objects.get()
        assert revision.requested_entrypoint == "weather.py:mcp"
        assert Endpoint.objects.get().slug == "weather"
        actions = set(Entry.objects.values_list("action", flat=True))
    assert {"server.registered", "endpoint.created", "revision.submitted"} <= actions
    assert (Path(settings.STOA_STORE) / "bundles" / revision.bundle).read_text() == "mcp = 1\n"


def test_a_second_deploy_is_the_next_revision(ben: Client) -> None:
    upload(ben)

    answer = upload(ben, text="mcp = 2\n")

    assert answer.json()["number"] == 2


@pytest.mark.parametrize("name", ["Weather", "-x", "a_b", "x" * 51])
def test_a_name_that_cannot_stand_in_a_url_is_refused(ben: Client, name: str) -> None:
    answer = upload(ben, name=name)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_slug"
    assert "hyphens" in answer.json()["hint"]


def test_a_deploy_without_a_bundle_names_the_field(ben: Client) -> None:
    answer = ben.post(f"{SERVERS}/weather/revisions", data={})

    assert answer.status_code == 422
    assert "bundle" in answer.json()["errors"]


def test_a_command_that_names_its_package_needs_no_bundle(ben: Client, cast: Cast, settings: Settings) -> None:
    answer = ben.post(f"{SERVERS}/files/revisions", data={"command": "npx -y @acme/notes@2 /tmp"})

    assert answer.status_code == 202
    with acting_for(cast.acme.id):
        revision = Revision.objects.get()
    assert (revision.command, revision.file_name) == (["notes", "/tmp"], "package.zip")
    assert (Path(settings.STOA_STORE) / "bundles" / revision.bundle).read_bytes().startswith(b"PK")


def test_any_other_command_without_a_bundle_is_refused(ben: Client) -> None:
    answer = ben.post(f"{SERVERS}/files/revisions", data={"command": "python server.py"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_command")
    assert "npx or uvx" in answer.json()["detail"]


def test_a_deploy_that_is_no_multipart_form_answers_415(ben: Client) -> None:
    answer = ben.post(f"{SERVERS}/weather/revisions", data="{}", content_type="application/json")

    assert answer.status_code == 415


@pytest.mark.parametrize("body", ["{", '{"name": "\\ud800"}', "[]", '{"name": {}}', "nul"])
def test_malformed_json_is_an_error_of_the_client(ben: Client, body: str) -> None:
    answer = ben.post(SERVERS, data=body, content_type="application/json")

    assert answer.status_code in (400, 422)
    assert answer.json()["party"] == "you"


def test_servers_are_listed_and_found_by_name_and_identifier(ben: Client, cast: Cast) -> None:
    upload(ben)

    listed = ben.get(SERVERS).json()

    assert [server["name"] for server in listed] == ["weather"]
    assert ben.get(f"{SERVERS}/{listed[0]['id']}").json() == ben.get(f"{SERVERS}/weather").json()


def test_an_unknown_server_answers_404(ben: Client) -> None:
    answer = ben.get(f"{SERVERS}/nothing")

    assert answer.status_code == 404
    assert answer.json()["code"] == "server_not_found"


def test_a_rollback_without_an_earlier_revision_answers_409(ben: Client) -> None:
    upload(ben)

    answer = ben.post(f"{SERVERS}/weather/rollback", data={}, content_type="application/json")

    assert answer.status_code == 409
    assert answer.json()["code"] == "nothing_to_roll_back"


def test_a_failed_revision_tells_its_error(ben: Client, cast: Cast) -> None:
    revision = upload(ben).json()["id"]
    error = {"code": "syntax_error", "message": "m", "line": 3, "hint": "h", "detail": "d"}
    with acting_for(cast.acme.id):
        Revision.objects.update(status="failed", error=error)

    answer = ben.get(f"/api/v1/tenants/acme/revisions/{revision}").json()

    assert answer["status"] == "failed"
    assert answer["error"] == error


@pytest.mark.parametrize("hosts", [["10.0.0.1"], ["*.com"], ["http://x.example"], ["a b"], ["x.example:0x50"]])
def test_what_is_no_host_cannot_be_granted(ben: Client, hosts: list[str]) -> None:
    upload(ben)

    answer = ben.patch(f"{SERVERS}/weather", data={"hosts": hosts}, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_host"


def test_hosts_are_granted_and_recorded(ben: Client, cast: Cast) -> None:
    upload(ben)

    answer = ben.patch(
        f"{SERVERS}/weather", data={"hosts": ["API.example.com", "*.example.org"]}, content_type="application/json"
    )

    assert answer.json()["hosts"] == ["*.example.org", "api.example.com"]
    with acting_for(cast.acme.id):
        assert Server.objects.get().hosts == ["*.example.org", "api.example.com"]
        assert Entry.objects.filter(action="server.hosts_changed").exists()


def test_secrets_are_written_listed_by_fingerprint_and_deleted(ben: Client) -> None:
    upload(ben)
    secrets = f"{SERVERS}/weather/secrets"

    written = ben.put(f"{secrets}/API_TOKEN", data={"value": "canary-7f3a"}, content_type="application/json")
    listed = ben.get(secrets)
    deleted = ben.delete(f"{secrets}/API_TOKEN")

    assert written.status_code == 200
    assert [secret["name"] for secret in listed.json()] == ["API_TOKEN"]
    assert b"canary-7f3a" not in written.content + listed.content
    assert deleted.status_code == 204
    assert ben.get(secrets).json() == []
    assert ben.delete(f"{secrets}/API_TOKEN").json()["code"] == "secret_not_found"


def test_a_reserved_secret_name_is_refused(ben: Client) -> None:
    upload(ben)

    answer = ben.put(f"{SERVERS}/weather/secrets/LD_PRELOAD", data={"value": "x"}, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_secret"


def test_endpoints_are_listed_before_they_are_published(ben: Client) -> None:
    upload(ben)

    endpoints = ben.get("/api/v1/tenants/acme/endpoints").json()

    assert [(endpoint["name"], endpoint["version"]) for endpoint in endpoints] == [("weather", None)]


def test_a_key_is_shown_once_works_and_can_be_revoked(ben: Client) -> None:
    keys = "/api/v1/tenants/acme/keys"
    made = ben.post(keys, data={"name": "ci", "scopes": ["servers:read"]}, content_type="application/json")
    other = Client(headers={"authorization": f"Bearer {made.json()['key']}"})

    before = other.get(SERVERS)
    revoked = ben.delete(f"{keys}/{made.json()['id']}")
    after = other.get(SERVERS)

    assert made.status_code == 201
    assert made.json()["key"] not in ben.get(keys).content.decode()
    assert (before.status_code, revoked.status_code, after.status_code) == (200, 204, 401)


def test_a_key_cannot_make_a_stronger_key(ben: Client) -> None:
    answer = ben.post(
        "/api/v1/tenants/acme/keys",
        data={"name": "x", "scopes": ["tenant:write"]},
        content_type="application/json",
    )

    assert answer.status_code == 403
    assert answer.json()["permission"] == "tenant:write"


def test_head_is_answered_like_get_without_a_body(ben: Client) -> None:
    answer = ben.head(SERVERS)

    assert answer.status_code == 200
    assert answer.content == b""
