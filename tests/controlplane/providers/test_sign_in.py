"""People of a tenant sign in by its provider, and are somebody here because of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controlplane.accounts.models import Identity, User
from controlplane.accounts.services import principal_of
from controlplane.accounts.throttling import Gate, Limit
from controlplane.providers import oauth, services, views
from controlplane.providers.models import Provider
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.providers.conftest import ADA, RULES, Door, add, last_attempt, wanted
from tests.controlplane.providers.standins.base import CLIENT_ID, CLIENT_SECRET
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


def member(cast: Cast) -> Membership | None:
    """The place of whoever the provider calls Ada."""
    with acting_for(cast.acme.id):
        identity = Identity.objects.filter(subject=ADA["sub"]).first()
        return Membership.objects.filter(user=identity.user).first() if identity else None


def test_a_person_signs_in_and_goes_on_where_they_wanted_to(door: Door, cast: Cast) -> None:
    answer = door.sign_in("/tenants/acme/")

    assert (answer.status_code, answer["Location"]) == (302, "/tenants/acme/")
    assert door.browser.get("/tenants/acme/").status_code == 200
    place = member(cast)
    assert place is not None
    assert place.role == "developer"
    assert last_attempt(cast).succeeded


def test_the_request_to_the_provider_has_pkce_state_and_nonce(door: Door) -> None:
    query = parse_qs(urlsplit(door.begin()["Location"]).query)

    assert query["response_type"] == ["code"]
    assert query["client_id"] == [CLIENT_ID]
    assert query["redirect_uri"][0].endswith("/sign-in/acme/id/callback")
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == ["openid email profile"]
    assert min(len(query[name][0]) for name in ("state", "nonce", "code_challenge")) >= 43


def test_an_address_that_has_an_account_here_gives_nothing_of_that_account(door: Door, cast: Cast) -> None:
    door.sign_in()

    place = member(cast)
    assert place is not None
    assert place.user_id != cast.ada.pk
    assert place.role == "developer"  # Ada's own account is acme's owner
    assert User.objects.filter(email=cast.ada.email).count() == 2


def test_the_same_subject_is_the_same_person_whatever_the_address_becomes(door: Door, cast: Cast) -> None:
    door.sign_in()
    first = member(cast)
    door.standin.people["ada"]["email"] = "countess@acme.example"
    door.sign_in()

    again = member(cast)
    assert first is not None
    assert again is not None
    assert (again.user_id, again.user.email) == (first.user_id, "countess@acme.example")


def test_another_subject_with_the_same_address_is_another_person(door: Door, cast: Cast) -> None:
    door.sign_in()
    first = member(cast)
    door.standin.people["ada"]["sub"] = "someone-else"
    door.sign_in()

    with acting_for(cast.acme.id):
        other = Identity.objects.get(subject="someone-else")
    assert first is not None
    assert other.user_id != first.user_id


def test_an_address_that_was_not_verified_fits_no_domain(door: Door, cast: Cast) -> None:
    door.standin.people["ada"]["email_verified"] = False

    answer = door.sign_in()

    assert answer.status_code == 403
    assert b"may not sign in here" in answer.content
    assert not door.signed_in
    assert member(cast) is None


def test_a_tenant_may_vouch_for_a_provider_that_does_not_say_what_it_verifies(door: Door, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Provider.objects.update(trusts_email=True)
    del door.standin.people["ada"]["email_verified"]

    assert door.sign_in().status_code == 302


def test_whoever_no_rule_names_is_refused(door: Door, cast: Cast) -> None:
    door.standin.people["ada"]["email"] = "ada@acme.example.evil.example"

    assert door.sign_in().status_code == 403
    assert not User.objects.filter(home=cast.acme.id).exists()
    assert [step["step"] for step in last_attempt(cast).steps][-1] == "Admit the person"


def test_the_first_rule_that_fits_gives_the_role(cast: Cast, door: Door) -> None:
    rules = [
        {"match": "group", "value": "admins", "role": "admin"},
        {"match": "group", "value": "engineers", "role": "operator"},
        {"match": "anyone", "value": "", "role": "viewer"},
    ]
    with acting_for(cast.acme.id):
        Provider.objects.update(rules=rules)
    door.sign_in()
    before = member(cast)
    door.standin.people["ada"]["groups"] = ["admins", "engineers"]
    door.sign_in()
    raised = member(cast)

    assert before is not None
    assert raised is not None
    assert (before.role, raised.role) == ("operator", "admin")


def test_a_place_that_the_rules_take_back_is_gone(cast: Cast, door: Door) -> None:
    door.sign_in()
    with acting_for(cast.acme.id):
        Provider.objects.update(rules=[{"match": "group", "value": "admins", "role": "admin"}])

    assert door.sign_in().status_code == 403
    assert member(cast) is None


def test_a_role_that_was_set_by_hand_stays(cast: Cast, door: Door) -> None:
    door.sign_in()
    with acting_for(cast.acme.id):
        place = member(cast)
        assert place is not None
        place.role = "viewer"
        place.save()
    door.sign_in()

    after = member(cast)
    assert after is not None
    assert after.role == "viewer"


def test_the_sign_in_page_offers_the_providers_of_the_tenant_one_is_on_the_way_to(door: Door) -> None:
    on_the_way = door.browser.get("/login/", {"next": "/t/acme/oauth/authorize?client_id=x"}).content.decode()
    elsewhere = door.browser.get("/login/", {"next": "/t/globex/oauth/authorize"}).content.decode()

    assert "Sign in with Acme ID" in on_the_way
    assert "/sign-in/acme/id/?next=%2Ft%2Facme%2Foauth%2Fauthorize%3Fclient_id%3Dx" in on_the_way
    assert "Acme ID" not in elsewhere


def test_a_provider_that_is_switched_off_signs_nobody_in(cast: Cast, door: Door) -> None:
    address = door.at_provider(door.begin())
    with acting_for(cast.acme.id):
        services.disable_provider("id", acting=None)

    assert door.begin().status_code == 403
    assert door.finish(address).status_code == 403
    assert not door.signed_in


def test_a_provider_that_is_deleted_during_a_sign_in_is_not_there(
    cast: Cast, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = door.at_provider(door.begin())
    found = oauth.redeem

    def redeem(*arguments: Any, **named: Any) -> Any:
        tokens = found(*arguments, **named)
        with acting_for(cast.acme.id):
            services.delete_provider("id", acting=None)
        return tokens

    monkeypatch.setattr(oauth, "redeem", redeem)

    assert door.finish(address).status_code == 404


def test_nobody_is_led_away_by_what_comes_after_the_sign_in(door: Door) -> None:
    assert door.sign_in("https://evil.example/")["Location"] == "/"
    assert door.sign_in("//evil.example/")["Location"] == "/"


def test_a_provider_that_is_not_there_looks_like_one_of_another_tenant(door: Door) -> None:
    absent = [door.browser.get(f"/sign-in/{place}/") for place in ("acme/other", "globex/id", "nowhere/id")]

    assert [answer.status_code for answer in absent] == [404, 404, 404]


def test_who_begins_too_many_sign_ins_has_to_wait(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Gate("narrow", Limit(2, timedelta(minutes=10)), Limit(9, timedelta(minutes=10)), views.STARTS.account)
    monkeypatch.setattr(views, "STARTS", narrow)

    assert [door.begin().status_code for _ in range(3)] == [302, 302, 429]
    assert door.begin(REMOTE_ADDR="192.0.2.7").status_code == 302


def test_nothing_secret_stands_in_the_trace(cast: Cast, door: Door) -> None:
    begun = door.begin()
    address = door.at_provider(begun)
    door.finish(address)

    attempt = last_attempt(cast)
    shown = f"{attempt.steps} {attempt.claims}"
    hidden = [
        CLIENT_SECRET,
        *parse_qs(urlsplit(address).query)["code"],
        *parse_qs(urlsplit(address).query)["state"],
        *parse_qs(urlsplit(begun["Location"]).query)["nonce"],
        *door.standin.tokens,
    ]
    assert not [value for value in hidden if value in shown]
    assert attempt.claims["sub"] == ADA["sub"]


def test_two_tenants_people_at_one_provider_are_different_people(cast: Cast, door: Door) -> None:
    with acting_for(cast.globex.id):
        services.create_provider("id", wanted(door.standin), acting=None)
        Provider.objects.update(enabled=True)
    door.sign_in()
    elsewhere = Door(door.standin)
    begun = elsewhere.browser.get("/sign-in/globex/id/")
    elsewhere.finish(elsewhere.at_provider(begun))

    with acting_for(cast.globex.id):
        there = Identity.objects.get().user
    here = member(cast)
    assert here is not None
    assert here.user_id != there.pk
    assert elsewhere.browser.get("/tenants/acme/").status_code == 404
    assert elsewhere.browser.get("/tenants/globex/").status_code == 200


def test_rules_give_a_second_provider_its_own_people(cast: Cast, door: Door) -> None:
    add(cast, door.standin, "other", rules=RULES)

    assert Door(door.standin, "other").sign_in().status_code == 302


def test_a_required_provider_leaves_passwords_to_owners(door: Door, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Provider.objects.update(required=True)
    door.sign_in()

    assert principal_of(cast.ben, "acme") is None
    assert principal_of(cast.ada, "acme") is not None  # the way back in when the provider is broken
    assert door.browser.get("/tenants/acme/").status_code == 200
    assert b"a password is for owners" in Door(door.standin).browser.get("/login/", {"next": "/tenants/acme/"}).content


def test_a_required_provider_that_is_switched_off_or_anothers_requires_nothing(door: Door, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Provider.objects.update(required=True)
    assert principal_of(cast.cem, "globex") is not None
    with acting_for(cast.acme.id):
        services.disable_provider("id", acting=None)

    assert principal_of(cast.ben, "acme") is not None
