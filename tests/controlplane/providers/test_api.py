"""Providers by the management API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.accounts.services import create_user_in
from controlplane.audit.models import Entry
from controlplane.providers.models import Provider
from tenants.context import acting_for
from tests.controlplane.providers.conftest import ADA, Door, wanted
from tests.controlplane.providers.standins.base import CLIENT_ID, CLIENT_SECRET, Standin
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

HERE = "/api/v1/tenants/acme/identity-providers"
BODY: dict[str, Any] = {
    "slug": "google",
    "kind": "google",
    "client_id": "123.apps.googleusercontent.com",
    "client_secret": CLIENT_SECRET,
    "settings": {"hosted_domain": "acme.example"},
    "rules": [{"match": "domain", "value": "acme.example", "role": "developer"}],
}


@pytest.fixture
def ada(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ada)
    return client


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def test_a_provider_is_made_switched_off_and_says_its_redirect_uri(ada: Client, settings: Settings) -> None:
    made = send(ada, "post", HERE, BODY)

    assert made.status_code == 201
    shown = made.json()
    assert shown["redirect_uri"] == f"{settings.STOA_PUBLIC_URL}/sign-in/acme/google/callback"
    assert shown["issuer"] == "https://accounts.google.com"
    assert (shown["enabled"], shown["tested"], shown["has_secret"]) == (False, False, True)
    assert send(ada, "get", f"{HERE}/google").json() == shown
    assert send(ada, "get", HERE).json() == [shown]


def test_its_secret_is_told_to_nobody_and_sealed(ada: Client, cast: Cast) -> None:
    answers = [send(ada, "post", HERE, BODY), send(ada, "get", HERE), send(ada, "get", f"{HERE}/google")]

    assert not [one for one in answers if CLIENT_SECRET.encode() in one.content]
    with acting_for(cast.acme.id):
        row = Provider.objects.get()
        assert CLIENT_SECRET.encode() not in bytes(row.sealed)
        assert row.secret() == CLIENT_SECRET


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"slug": "No Slug"}, "invalid_identity_provider"),
        ({"kind": "facebook"}, "invalid_identity_provider"),
        ({"client_id": ""}, "invalid_identity_provider"),
        ({"client_id": "with spaces"}, "invalid_identity_provider"),
        ({"client_secret": "with\nlines"}, "invalid_identity_provider"),
        ({"settings": {"unknown": "x"}}, "invalid_identity_provider"),
        ({"settings": {"hosted_domain": "https://acme.example"}}, "invalid_identity_provider"),
        ({"settings": []}, "invalid_fields"),
        ({"name": "two\nlines"}, "invalid_identity_provider"),
        ({"kind": "openid", "settings": {}}, "invalid_identity_provider"),
        ({"kind": "openid", "settings": {"issuer": "http://id.example"}}, "invalid_identity_provider"),
        ({"kind": "openid", "settings": {"issuer": "https://user:pw@id.example"}}, "invalid_identity_provider"),
        ({"kind": "openid", "settings": {"issuer": "https://id.example/?x=1"}}, "invalid_identity_provider"),
        ({"kind": "entra", "settings": {"directory": "acme"}}, "invalid_identity_provider"),
        ({"kind": "github", "settings": {}, "client_secret": None}, "invalid_identity_provider"),
        ({"kind": "jwt", "settings": {"issuer": "https://i.example", "jwks_uri": "https://i.example/k"}},
         "invalid_identity_provider"),
        ({"rules": [{"match": "domain", "value": "*.example", "role": "viewer"}]}, "invalid_identity_provider"),
        ({"rules": [{"match": "domain", "value": "ada@acme.example", "role": "viewer"}]}, "invalid_identity_provider"),
        ({"rules": [{"match": "group", "value": "", "role": "viewer"}]}, "invalid_identity_provider"),
        ({"rules": [{"match": "anyone", "role": "emperor"}]}, "invalid_fields"),
        ({"rules": [{"match": "everything", "role": "viewer"}]}, "invalid_fields"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_provider_is_refused(ada: Client, change: dict[str, Any], code: str) -> None:
    answer = send(ada, "post", HERE, {**BODY, **change})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_name_is_given_once(ada: Client) -> None:
    assert [send(ada, "post", HERE, BODY).status_code for _ in range(2)] == [201, 422]


def test_rules_give_no_role_that_one_could_not_give_by_hand(cast: Cast) -> None:
    """An admin could else make themselves an owner."""
    admin = Client()
    admin.force_login(create_user_in(cast.acme.id, "admin@acme.example", "admin"))
    rules = [{"match": "anyone", "role": "owner"}]

    answer = send(admin, "post", HERE, {**BODY, "rules": rules})

    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert send(admin, "post", HERE, BODY).status_code == 201


def test_nobody_else_sees_them(cast: Cast, ada: Client) -> None:
    send(ada, "post", HERE, BODY)
    ben, cem = Client(), Client()
    ben.force_login(cast.ben)
    cem.force_login(cast.cem)

    assert send(ben, "get", HERE).status_code == 403
    assert send(cem, "get", f"{HERE}/google").status_code == 404
    assert send(cem, "get", "/api/v1/tenants/globex/identity-providers/google").status_code == 404


def test_a_secret_stays_when_it_is_not_given_but_never_follows_to_another_issuer(ada: Client, cast: Cast) -> None:
    body = {**BODY, "slug": "id", "kind": "openid", "settings": {"issuer": "https://id.example"}}
    send(ada, "post", HERE, body)
    kept = send(ada, "put", f"{HERE}/id", {**body, "name": "Our ID", "client_secret": None})
    moved = {**body, "client_secret": None, "settings": {"issuer": "https://evil.example"}}

    assert kept.status_code == 200
    assert send(ada, "put", f"{HERE}/id", moved).status_code == 422
    with acting_for(cast.acme.id):
        assert Provider.objects.get().secret() == CLIENT_SECRET
    assert send(ada, "put", f"{HERE}/id", {**moved, "client_secret": "another"}).status_code == 200


def test_it_is_switched_on_once_its_test_has_passed(ada: Client) -> None:
    send(ada, "post", HERE, BODY)

    answer = send(ada, "post", f"{HERE}/google/enable")

    assert (answer.status_code, answer.json()["code"]) == (409, "identity_provider_not_tested")


def test_a_change_of_what_was_tested_switches_it_off(door: Door, ada: Client) -> None:
    body = {"kind": "openid", "client_id": CLIENT_ID, "settings": {"issuer": door.standin.issuer}}
    rules = [{"match": "group", "value": "engineers", "role": "viewer"}]

    same = send(ada, "put", f"{HERE}/id", {**body, "name": "Another name", "rules": rules})
    other = send(ada, "put", f"{HERE}/id", {**body, "client_id": "another"})

    assert (same.json()["enabled"], same.json()["rules"]) == (True, rules)
    assert (other.json()["enabled"], other.json()["tested"]) == (False, False)


def test_a_check_says_what_each_step_found(door: Door, ada: Client) -> None:
    good = send(ada, "post", f"{HERE}/id/check").json()
    door.standin.document = {"issuer": "https://other.example"}
    bad = send(ada, "post", f"{HERE}/id/check").json()

    assert [step["step"] for step in good["steps"]] == ["Find the provider's endpoints", "Fetch its keys"]
    assert (good["succeeded"], bad["succeeded"]) == (True, False)
    assert "calls the issuer" in bad["steps"][-1]["detail"]


def test_the_last_sign_ins_are_shown_step_by_step(door: Door, ada: Client) -> None:
    door.sign_in()

    shown = send(ada, "get", f"{HERE}/id/attempts").json()

    assert [step["step"] for step in shown[0]["steps"]] == [
        "Take the answer",
        "Find the provider's endpoints",
        "Check who answers",
        "Redeem the code",
        "Verify the ID token",
        "Read the claims",
        "Admit the person",
    ]
    assert shown[0]["claims"]["email"] == ADA["email"]
    assert CLIENT_SECRET not in str(shown)


def test_a_deleted_provider_is_gone(door: Door, ada: Client) -> None:
    assert send(ada, "delete", f"{HERE}/id").status_code == 204
    assert send(ada, "get", f"{HERE}/id").status_code == 404
    assert door.begin().status_code == 404


def test_every_change_is_on_the_record(door: Door, ada: Client, cast: Cast) -> None:
    body = {"kind": "openid", "client_id": CLIENT_ID, "settings": {"issuer": door.standin.issuer}}
    send(ada, "put", f"{HERE}/id", body)
    send(ada, "post", f"{HERE}/id/disable")
    send(ada, "post", f"{HERE}/id/enable")
    send(ada, "delete", f"{HERE}/id")

    with acting_for(cast.acme.id):
        entries = Entry.objects.filter(action__startswith="identity_provider.", actor=cast.ada.pk)
        actions = [entry.action.partition(".")[2] for entry in reversed(entries)]
    assert actions == ["changed", "disabled", "enabled", "deleted"]


def test_the_kinds_say_what_they_need(ada: Client, standin: Standin) -> None:
    kinds = {kind["name"]: kind for kind in send(ada, "get", "/api/v1/tenants/acme/identity-provider-kinds").json()}

    assert set(kinds) >= {"google", "github", "entra", "auth0", "workos", "authkit", "descope", "scalekit", "cognito"}
    assert [setting["name"] for setting in kinds["openid"]["settings"] if setting["required"]] == ["issuer"]
    assert wanted(standin).kind in kinds
