"""Ending logins: by the client, by the person, by an admin; and asking whether one lives."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from controlplane.audit.models import Entry
from controlplane.issuer import logins
from controlplane.issuer.errors import GrantNotFoundError
from controlplane.issuer.models import Consent, Grant
from controlplane.issuer.trust import revoked_lately
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.controlplane.issuer.conftest import Flow
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


def post(flow: Flow, name: str, **form: str) -> Any:
    body = {
        "client_id": flow.client_id,
        **({"client_secret": flow.client_secret} if flow.client_secret else {}),
        **form,
    }
    return flow.program.post(flow.oauth(name), urlencode(body), content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_client_ends_its_login_with_either_token(flow: Flow, cast: Cast, kind: str) -> None:
    tokens = flow.log_in()

    answer = post(flow, "revoke", token=tokens[kind])

    assert answer.status_code == 200
    assert flow.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    with acting_for(cast.acme.id):
        grant = Grant.objects.get()
    assert grant.revoked_because == "by_client"
    assert [one.grant_id for one in revoked_lately(60)] == [grant.id]


def test_another_clients_token_is_answered_like_an_unknown_one(flow: Flow) -> None:
    tokens = flow.log_in()
    flow.register()

    foreign = post(flow, "revoke", token=tokens["refresh_token"])
    unknown = post(flow, "revoke", token="nothing")

    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content) == (200, b"{}")
    assert revoked_lately(60) == []


def test_introspection_tells_a_client_about_its_own_tokens(flow: Flow, cast: Cast) -> None:
    flow.register(token_endpoint_auth_method="client_secret_post")
    tokens = flow.log_in()

    alive = post(flow, "introspect", token=tokens["access_token"]).json()
    post(flow, "revoke", token=tokens["refresh_token"])
    dead = post(flow, "introspect", token=tokens["access_token"]).json()

    assert alive["active"] is True
    assert (alive["sub"], alive["aud"], alive["scope"]) == (cast.ben.pk, flow.resource, "mcp:call")
    assert dead == {"active": False}


def test_a_public_client_introspects_nothing(flow: Flow) -> None:
    answer = post(flow, "introspect", token=flow.log_in()["access_token"])

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_person_ends_their_own_login_and_is_asked_again(flow: Flow, cast: Cast, ben: Principal) -> None:
    tokens = flow.log_in()

    with acting_for(cast.acme.id):
        (grant,) = logins.logins(acting=ben)
        logins.revoke_login(grant.id, acting=ben)
        assert list(logins.logins(acting=ben)) == []

    assert flow.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert flow.authorize().status_code == 200


def test_other_peoples_logins_are_for_admins(flow: Flow, cast: Cast, ben: Principal, ada: Principal) -> None:
    flow.browser.force_login(cast.ada)
    flow.log_in()

    with acting_for(cast.acme.id):
        (grant,) = logins.logins(acting=ada)
        assert list(logins.logins(acting=ben)) == []
        with pytest.raises(GrantNotFoundError):
            logins.revoke_login(grant.id, acting=ben)
        logins.revoke_login(grant.id, acting=ada)


def test_revoking_all_ends_every_login_of_the_tenant(flow: Flow, cast: Cast, ada: Principal, ben: Principal) -> None:
    first = flow.log_in()["refresh_token"]
    second = flow.log_in()["refresh_token"]

    with acting_for(cast.acme.id):
        with pytest.raises(NotPermittedError):
            logins.revoke_all(acting=ben)
        assert logins.revoke_all(acting=ada) == 2
        assert not Consent.objects.exists()

    assert flow.refresh(first).json()["error"] == flow.refresh(second).json()["error"] == "invalid_grant"


def test_the_record_says_who_logged_in_and_how_it_ended(flow: Flow, cast: Cast, ada: Principal) -> None:
    flow.log_in()

    with acting_for(cast.acme.id):
        logins.revoke_all(acting=ada)
        entries = list(Entry.objects.filter(action__startswith="login.").order_by("id"))

    assert [(one.action, one.actor) for one in entries] == [
        ("login.opened", cast.ben.pk),
        ("login.revoked", cast.ada.pk),
    ]
    assert all(one.request_id for one in entries[:1])
