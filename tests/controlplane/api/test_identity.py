"""Logins, keys that follow one another, and ending everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.composition.models import Endpoint
from controlplane.issuer.logins import open_login
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Grant, SigningKey
from controlplane.keys.authentication import principal_for
from controlplane.keys.models import ApiKey
from tenants.context import acting_for
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db

LOGINS = "/api/v1/tenants/acme/logins"
KEYS = "/api/v1/tenants/acme/keys"
REVOCATIONS = "/api/v1/tenants/acme/revocations"


@pytest.fixture
def logins(cast: Cast) -> dict[str, Grant]:
    """Ben and Ada are logged in with the same program."""
    with acting_for(cast.acme.id):
        endpoint = Endpoint.objects.create(slug="weather")
        program = Program.objects.create(
            client_id="cli_1", kind="registered", metadata={"client_name": "Claude", "grant_types": []}
        )
        return {
            name: open_login(program, user, endpoint_id=endpoint.id, resource="https://x/mcp", scopes=["mcp:call"])
            for name, user in (("ben", cast.ben), ("ada", cast.ada))
        }


@pytest.fixture
def owner(cast: Cast) -> Client:
    client = Client()
    assert client.login(username=cast.ada.email, password=PASSWORD)
    return client


@pytest.fixture
def developer(cast: Cast) -> Client:
    client = Client()
    assert client.login(username=cast.ben.email, password=PASSWORD)
    return client


def test_people_see_their_own_logins_and_admins_all(owner: Client, developer: Client, logins: dict[str, Grant]) -> None:
    own = developer.get(LOGINS).json()
    every = owner.get(LOGINS).json()

    assert [(one["id"], one["client"], one["endpoint"]) for one in own] == [(logins["ben"].id, "Claude", "weather")]
    assert {one["id"] for one in every} == {logins["ben"].id, logins["ada"].id}


def test_a_login_is_ended_by_who_has_it(developer: Client, logins: dict[str, Grant]) -> None:
    own = developer.delete(f"{LOGINS}/{logins['ben'].id}")
    others = developer.delete(f"{LOGINS}/{logins['ada'].id}")

    assert own.status_code == 204
    assert (others.status_code, others.json()["code"]) == (404, "login_not_found")
    assert developer.get(LOGINS).json() == []


def test_everything_is_revoked_at_once(owner: Client, cast: Cast, logins: dict[str, Grant]) -> None:
    token = create(owner)["key"]

    answer = post(owner, REVOCATIONS, {"logins": True, "keys": True, "signing_keys": True})

    assert answer.json() == {"logins": 2, "keys": 1, "signing_keys": 1}
    assert principal_for(token) is None
    with acting_for(cast.acme.id):
        assert not Grant.objects.filter(revoked_at=None).exists()


def test_only_logins_are_revoked_unless_told_otherwise(owner: Client, logins: dict[str, Grant]) -> None:
    token = create(owner)["key"]

    answer = post(owner, REVOCATIONS, {})

    assert answer.json() == {"logins": 2, "keys": 0, "signing_keys": 0}
    assert principal_for(token) is not None


def test_the_signing_key_is_changed_with_an_overlap(owner: Client, cast: Cast) -> None:
    first = post(owner, "/api/v1/tenants/acme/signing-keys", {})
    second = post(owner, "/api/v1/tenants/acme/signing-keys", {})

    assert (first.status_code, second.status_code) == (201, 201)
    with acting_for(cast.acme.id):
        assert {key.id for key in SigningKey.objects.all()} == {first.json()["kid"], second.json()["kid"]}


def test_a_rotated_key_has_a_successor_and_works_on_for_a_while(owner: Client, cast: Cast) -> None:
    old = create(owner, expires_at=(timezone.now() + timedelta(days=90)).isoformat())

    answer = post(owner, f"{KEYS}/{old['id']}/rotate", {"overlap_seconds": 3600})

    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["scopes"], new["audience"]) == (old["name"], old["scopes"], old["audience"])
    assert principal_for(old["key"]) is not None
    assert principal_for(new["key"]) is not None
    with acting_for(cast.acme.id):
        left = ApiKey.objects.get(pk=old["id"]).expires_at
    assert left is not None
    assert left - timezone.now() <= timedelta(hours=1)


def test_without_an_overlap_the_old_key_ends_at_once(owner: Client) -> None:
    old = create(owner)

    post(owner, f"{KEYS}/{old['id']}/rotate", {"overlap_seconds": 0})

    assert principal_for(old["key"]) is None


def test_a_revoked_key_has_no_successor(owner: Client) -> None:
    old = create(owner)
    owner.delete(f"{KEYS}/{old['id']}")

    answer = post(owner, f"{KEYS}/{old['id']}/rotate", {})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_key")


def test_who_rotates_a_key_may_what_it_may(developer: Client, owner: Client) -> None:
    old = create(owner, scopes=["members:write"])

    answer = post(developer, f"{KEYS}/{old['id']}/rotate", {})

    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


def create(client: Client, **changes: object) -> dict[str, Any]:
    answer = post(client, KEYS, {"name": "CI", "scopes": ["mcp:call"], **changes})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def post(client: Client, url: str, body: dict[str, object]) -> Any:
    return client.post(url, body, content_type="application/json")
