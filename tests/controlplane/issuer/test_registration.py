"""Clients register themselves, and manage what they registered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.issuer import clients
from controlplane.issuer.models import Client, Grant
from tenants.context import acting_for
from tests.controlplane.issuer.conftest import Flow
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.protocol("O-12")
def test_a_public_client_gets_an_identifier_and_no_secret(flow: Flow) -> None:
    answer = flow.register(application_type="native", unknown_member={"a": 1})

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["client_id"].startswith("cli_")
    assert "client_secret" not in body
    assert body["redirect_uris"] == [flow.redirect_uri]
    assert body["application_type"] == "native"
    assert "unknown_member" not in body


@pytest.mark.protocol("O-12")
def test_a_confidential_client_gets_a_secret_once(flow: Flow, cast: Cast) -> None:
    body = flow.register(token_endpoint_auth_method="client_secret_basic").json()

    assert body["client_secret"].startswith("stoa_cs_")
    assert body["client_secret_expires_at"] == 0
    with acting_for(cast.acme.id):
        row = Client.objects.get(client_id=body["client_id"])
    assert body["client_secret"] not in str(row.__dict__)


@pytest.mark.protocol("O-02", "O-12", "O-16")
@pytest.mark.parametrize(
    "uri",
    [
        "http://evil.example/cb",
        "myapp://callback",
        "javascript:alert(1)",
        "https://app.example/cb#x",
        "https://*.example/cb",
        "https://user@app.example/cb",
        "https://app.example/c b",
        "https:///cb",
        "/cb",
        "https://app.example:port/cb",
        "http://127.0.0.1.evil.example/cb",
        "https://app.example/" + "x" * 3000,
        7,
    ],
)
def test_only_https_and_loopback_addresses_are_registered(flow: Flow, uri: object) -> None:
    answer = flow.register(redirect_uris=[uri])

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_redirect_uri"


@pytest.mark.protocol("O-12")
@pytest.mark.parametrize(
    "metadata",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ["none"]},
        {"grant_types": ["client_credentials"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
        {"client_name": "x" * 500},
        {"client_name": "two\nlines"},
        {"client_name": {"en": "x"}},
        {"client_uri": "javascript:alert(1)"},
        {"logo_uri": "data:image/png;base64,AAAA"},
        {"application_type": "toaster"},
    ],
)
def test_wrong_metadata_is_refused_with_a_reason(flow: Flow, metadata: dict[str, Any]) -> None:
    answer = flow.register(**metadata)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"
    assert len(answer.json()["error_description"]) > 20


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b'{"redirect_uris": 1, "redirect_uris": 2}', b"\xff"])
def test_what_is_no_object_is_refused(flow: Flow, body: bytes) -> None:
    answer = flow.program.post(flow.oauth("register"), body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"


def test_a_client_reads_changes_and_removes_itself(flow: Flow, cast: Cast) -> None:
    body = flow.register().json()
    place = body["registration_client_uri"].removeprefix(flow.issuer.removesuffix("/t/acme"))
    bearer = {"authorization": f"Bearer {body['registration_access_token']}"}

    read = flow.program.get(place, headers=bearer)
    new = {"client_id": body["client_id"], "redirect_uris": ["https://app.example/new"], "client_name": "New"}
    changed = flow.program.put(
        place, {**new, "token_endpoint_auth_method": "none"}, content_type="application/json", headers=bearer
    )
    removed = flow.program.delete(place, headers=bearer)
    gone = flow.program.get(place, headers=bearer)

    assert read.json()["client_name"] == "Claude"
    assert "registration_access_token" not in read.json()
    assert changed.json()["redirect_uris"] == ["https://app.example/new"]
    assert removed.status_code == 204
    assert gone.status_code == 401


def test_a_removed_client_takes_its_logins_with_it(flow: Flow, cast: Cast) -> None:
    body = flow.register().json()
    refresh = flow.log_in()["refresh_token"]

    flow.program.delete(
        f"{flow.oauth('register')}/{body['client_id']}",
        headers={"authorization": f"Bearer {body['registration_access_token']}"},
    )

    assert flow.refresh(refresh).json()["error"] == "invalid_client"
    with acting_for(cast.acme.id):
        assert not Grant.objects.exists()


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer stoa_rg_wrong", "Basic x"])
def test_without_its_token_a_registration_is_not_shown(flow: Flow, authorization: str) -> None:
    known = flow.program.get(f"{flow.oauth('register')}/{flow.client_id}", headers={"authorization": authorization})
    unknown = flow.program.get(f"{flow.oauth('register')}/cli_unknown", headers={"authorization": authorization})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (401, known.content)


def test_another_tenants_registration_token_opens_nothing(flow: Flow) -> None:
    there = Flow(flow.browser, tenant="globex").register().json()

    answer = flow.program.get(
        f"{flow.oauth('register')}/{there['client_id']}",
        headers={"authorization": f"Bearer {there['registration_access_token']}"},
    )

    assert answer.status_code == 401


def test_a_public_client_cannot_become_confidential(flow: Flow) -> None:
    body = flow.register().json()

    answer = flow.program.put(
        f"{flow.oauth('register')}/{body['client_id']}",
        {"client_id": body["client_id"], "redirect_uris": [flow.redirect_uri]},
        content_type="application/json",
        headers={"authorization": f"Bearer {body['registration_access_token']}"},
    )

    assert answer.status_code == 400


@pytest.mark.protocol("O-12")
def test_registrations_that_nobody_used_are_dropped_after_a_day(flow: Flow, cast: Cast) -> None:
    flow.log_in()
    unused = Flow(flow.browser)
    unused.register()
    with acting_for(cast.acme.id):
        Client.objects.update(created_at=timezone.now() - timedelta(days=2))

    flow.program.post(flow.oauth("register"), {"redirect_uris": [flow.redirect_uri]}, content_type="application/json")

    with acting_for(cast.acme.id):
        kept = set(Client.objects.values_list("client_id", flat=True))
    assert flow.client_id in kept
    assert unused.client_id not in kept


@pytest.mark.protocol("O-12", "O-16")
def test_a_flood_of_registrations_is_slowed_down(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PER_MINUTE", 3)

    answers = [flow.register().status_code for _ in range(4)]

    assert answers == [201, 201, 429, 429]


def test_one_tenants_flood_is_not_anothers(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PER_MINUTE", 1)

    assert flow.register().status_code == 429
    assert Flow(flow.browser, tenant="globex").register().status_code == 201
