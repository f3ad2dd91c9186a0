"""Refresh tokens: a chain that tolerates clumsy clients and notices thieves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.accounts.services import change_role, remove_member
from controlplane.issuer.logins import GRACE
from controlplane.issuer.models import Grant, RefreshToken
from mcp_runtime.ports.trust import Revocation
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.issuer.conftest import Flow
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.protocol("O-07")
def test_each_refresh_gives_another_refresh_token(flow: Flow) -> None:
    first = flow.log_in()

    second = flow.refresh(first["refresh_token"])

    assert second.status_code == 200
    assert second["Cache-Control"] == "no-store"
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert second.json()["access_token"] != first["access_token"]
    assert flow.refresh(second.json()["refresh_token"]).status_code == 200


@pytest.mark.protocol("O-07")
def test_within_the_grace_window_every_sibling_works(flow: Flow) -> None:
    first = flow.log_in()["refresh_token"]

    siblings = [flow.refresh(first).json()["refresh_token"] for _ in range(3)]

    assert len(set(siblings)) == 3
    assert all(flow.refresh(token).status_code == 200 for token in siblings)


@pytest.mark.protocol("O-07")
def test_a_replay_after_it_kills_the_family(flow: Flow, cast: Cast) -> None:
    first = flow.log_in()["refresh_token"]
    second = flow.refresh(first).json()["refresh_token"]
    with acting_for(cast.acme.id):
        RefreshToken.objects.exclude(used_at=None).update(used_at=timezone.now() - GRACE - timedelta(seconds=1))

    replay = flow.refresh(first)

    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert flow.refresh(second).json()["error"] == "invalid_grant"
    with acting_for(cast.acme.id):
        assert Grant.objects.get().revoked_because == "replayed"


@pytest.mark.protocol("O-07")
def test_a_refresh_token_is_its_clients_own(flow: Flow) -> None:
    token = flow.log_in()["refresh_token"]
    owner = flow.client_id

    flow.register()
    stolen = flow.refresh(token)
    flow.client_id = owner

    assert stolen.json()["error"] == "invalid_grant"
    assert flow.refresh(token).status_code == 200


@pytest.mark.protocol("O-03", "O-07")
def test_the_resource_stays_and_scopes_only_narrow(flow: Flow) -> None:
    token = flow.log_in()["refresh_token"]

    elsewhere = flow.refresh(token, resource=flow.resource.replace("weather", "maps"))
    wider = flow.refresh(token, scope="mcp:call servers:write")
    same = flow.refresh(token, resource=flow.resource, scope="mcp:call")

    assert elsewhere.json()["error"] == "invalid_target"
    assert wider.json()["error"] == "invalid_scope"
    assert same.status_code == 200


def test_an_old_login_is_over(flow: Flow, cast: Cast) -> None:
    token = flow.log_in()["refresh_token"]
    with acting_for(cast.acme.id):
        Grant.objects.update(expires_at=timezone.now())

    assert flow.refresh(token).json()["error"] == "invalid_grant"


@pytest.mark.protocol("A-07")
def test_who_leaves_the_tenant_is_logged_out(flow: Flow, cast: Cast) -> None:
    token = flow.log_in()["refresh_token"]

    with acting_for(cast.acme.id):
        grant = Grant.objects.get()
        remove_member(Membership.objects.get(user=cast.ben).pk, acting=None)

    assert flow.refresh(token).json()["error"] == "invalid_grant"
    assert Revocation(grant.id, cast.ben.pk) in _revocations()


@pytest.mark.protocol("A-07")
def test_who_changes_roles_logs_in_again(flow: Flow, cast: Cast) -> None:
    token = flow.log_in()["refresh_token"]

    with acting_for(cast.acme.id):
        change_role(Membership.objects.get(user=cast.ben).pk, "auditor", acting=None)

    assert flow.refresh(token).json()["error"] == "invalid_grant"


@pytest.mark.protocol("A-07")
def test_a_closed_account_is_logged_out(flow: Flow, cast: Cast) -> None:
    token = flow.log_in()["refresh_token"]

    cast.ben.is_active = False
    cast.ben.save()

    assert flow.refresh(token).json()["error"] == "invalid_grant"
    assert [one.subject for one in _revocations()] == [cast.ben.pk]


def test_unknown_and_malformed_tokens_are_refused_alike(flow: Flow) -> None:
    answers = [flow.refresh(token).json() for token in ("stoa_rt_unknown", "x", "é", "a" * 5000)]

    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["error"] == "invalid_grant"


def _revocations() -> list[Revocation]:
    from controlplane.issuer.trust import revoked_lately

    return revoked_lately(60)
