"""The dashboard's pages of identity providers: a provider is added, tested, switched on, looked into."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.dashboard.identity_providers import rules_in
from controlplane.providers.errors import InvalidProvider
from controlplane.providers.models import Provider
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.providers.conftest import ADA, Door, last_attempt
from tests.controlplane.providers.standins.base import CLIENT_ID, CLIENT_SECRET, Standin
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

HERE = "/tenants/acme/identity-providers/"


@pytest.fixture
def ada(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ada)
    return client


def filled_in(standin: Standin) -> dict[str, Any]:
    return {
        "slug": "id",
        "name": "Acme ID",
        "setting_issuer": standin.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "rules": "admin if group platform team\ndeveloper if domain acme.example\n\nviewer if anyone",
    }


def test_a_provider_is_added_tested_and_switched_on(ada: Client, standin: Standin, cast: Cast) -> None:
    saved = ada.post(f"{HERE}+/openid/", filled_in(standin))
    early = ada.post(f"{HERE}id/", {"do": "enable"})
    checked = ada.post(f"{HERE}id/check/", follow=True)
    door = Door(standin, browser=ada)
    back = door.finish(door.at_provider(ada.get(f"{HERE}id/test/")))
    shown = ada.get(back["Location"]).content.decode()
    ada.post(f"{HERE}id/", {"do": "enable"})

    assert saved["Location"] == f"{HERE}id/"
    assert (early.status_code, b"was not tested" in early.content) == (422, True)
    assert "The provider answers as it should." in checked.content.decode()
    assert back["Location"] == f"{HERE}id/"
    assert "Its test has passed." in shown
    assert "This person would be developer." in shown
    assert ADA["sub"] in shown
    assert CLIENT_SECRET not in shown
    assert Door(standin).sign_in().status_code == 302
    with acting_for(cast.acme.id):
        assert Provider.objects.get().rules == [
            {"match": "group", "value": "platform team", "role": "admin"},
            {"match": "domain", "value": "acme.example", "role": "developer"},
            {"match": "anyone", "value": "", "role": "viewer"},
        ]


def test_a_test_signs_nobody_in_and_makes_nobody_a_member(door: Door, ada: Client, cast: Cast) -> None:
    trying = Door(door.standin, browser=ada)
    before = ada.session["_auth_user_id"]

    trying.finish(trying.at_provider(ada.get(f"{HERE}id/test/")))

    assert ada.session["_auth_user_id"] == before
    assert last_attempt(cast).is_test
    with acting_for(cast.acme.id):
        assert Membership.objects.count() == 2


def test_a_failed_test_switches_nothing_on(ada: Client, standin: Standin, cast: Cast) -> None:
    ada.post(f"{HERE}+/openid/", filled_in(standin))
    standin.said = {"nonce": "another"}
    door = Door(standin, browser=ada)

    failed = door.finish(door.at_provider(ada.get(f"{HERE}id/test/")))
    page = ada.get(f"{HERE}id/").content.decode()

    assert failed.status_code == 403
    assert "Verify the ID token" in page
    assert "nonce is not the one of this sign-in" in page
    assert ada.post(f"{HERE}id/", {"do": "enable"}).status_code == 422


@pytest.mark.parametrize("kind", ["google", "github", "entra", "workos", "jwt"])
def test_each_kinds_form_shows_the_redirect_uri_before_anything_is_saved(
    ada: Client, settings: Settings, kind: str
) -> None:
    page = ada.get(f"{HERE}+/{kind}/").content.decode()

    assert (f"<code>{settings.STOA_PUBLIC_URL}/sign-in/acme/{kind}/callback</code>" in page) == (kind != "jwt")


def test_what_was_entered_stays_when_it_is_wrong_but_for_the_secret(ada: Client, standin: Standin) -> None:
    entered = {**filled_in(standin), "rules": "king if domain acme.example"}

    page = ada.post(f"{HERE}+/openid/", entered)

    assert page.status_code == 422
    assert b"king if domain acme.example" in page.content
    assert CLIENT_SECRET.encode() not in page.content


def test_hostile_claims_are_shown_as_text(door: Door, ada: Client) -> None:
    door.standin.people["ada"]["name"] = "<script>alert(1)</script>"
    door.sign_in()

    page = ada.get(f"{HERE}id/").content

    assert b"&lt;script&gt;alert(1)" in page
    assert b"<script>alert" not in page


def test_only_who_may_write_the_tenant_sees_the_pages(door: Door, cast: Cast) -> None:
    ben, cem = Client(), Client()
    ben.force_login(cast.ben)
    cem.force_login(cast.cem)
    paths = ["", "+/google/", "id/", "id/test/"]

    assert {ben.get(f"{HERE}{path}").status_code for path in paths} == {403}
    assert {cem.get(f"{HERE}{path}").status_code for path in paths} == {404}
    assert cem.get("/tenants/globex/identity-providers/id/").status_code == 404


@pytest.mark.parametrize("text", ["developer", "developer if", "if domain a.example", "viewer domain a.example"])
def test_a_line_that_is_no_rule_is_told(text: str) -> None:
    with pytest.raises(InvalidProvider, match="is no rule"):
        rules_in(text)
