"""What people are asked, and what is remembered of it."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.composition.models import Endpoint
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Consent
from tenants.context import acting_for
from tests.controlplane.issuer.conftest import Flow, answer_in
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.protocol("O-11")
def test_the_page_names_client_host_endpoint_and_person(flow: Flow, cast: Cast) -> None:
    page = flow.authorize()

    text = page.content.decode()
    for expected in ("Claude", "app.example", flow.resource, cast.ben.email, "Use its tools"):
        assert expected in text


@pytest.mark.protocol("O-11")
def test_the_page_cannot_be_framed_and_leads_only_back_to_the_client(flow: Flow) -> None:
    page = flow.authorize()

    policy = page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example" in policy
    assert page["X-Frame-Options"] == "DENY"
    assert "no-store" in page["Cache-Control"]


@pytest.mark.protocol("O-11")
def test_a_loopback_address_comes_with_a_warning(flow: Flow) -> None:
    flow.redirect_uri = "http://localhost:1234/cb"
    flow.register()

    assert b"any program that runs there could have asked" in flow.authorize().content


def test_a_hostile_name_stays_text(flow: Flow) -> None:
    flow.register(client_name="<script>alert(1)</script>", client_uri='https://x.example/"onload=')

    assert b"<script>alert" not in flow.authorize().content


def test_what_was_agreed_to_is_not_asked_again(flow: Flow) -> None:
    flow.decide()

    again = answer_in(flow.authorize())

    assert again["code"]


@pytest.mark.protocol("O-11")
def test_another_client_of_the_same_name_is_asked_about(flow: Flow) -> None:
    flow.decide()
    flow.register()

    assert flow.authorize().status_code == 200


def test_another_redirect_and_another_endpoint_are_asked_about(flow: Flow, cast: Cast) -> None:
    flow.register(redirect_uris=["https://app.example/callback", "https://app.example/other"])
    flow.decide()
    with acting_for(cast.acme.id):
        Endpoint.objects.create(slug="maps")

    redirect = flow.authorize(redirect_uri="https://app.example/other")
    endpoint = flow.authorize(resource=flow.resource.replace("weather", "maps"))

    assert (redirect.status_code, endpoint.status_code) == (200, 200)


def test_another_person_is_asked_for_themselves(flow: Flow, cast: Cast) -> None:
    flow.decide()
    flow.browser.force_login(cast.ada)

    assert flow.authorize().status_code == 200


def test_a_client_can_have_it_asked_again(flow: Flow) -> None:
    flow.decide()

    assert flow.authorize(prompt="consent").status_code == 200


def test_after_the_sign_in_form_a_page_leads_on(flow: Flow) -> None:
    """Browsers would not follow a form of ours to the client's address without its being listed on the form's page."""
    flow.decide()

    answer = flow.browser.get(flow.authorize_url(), headers={"sec-fetch-site": "same-origin"})

    assert answer.status_code == 200


def test_a_refusal_is_not_remembered_as_consent(flow: Flow, cast: Cast) -> None:
    flow.decide("deny")

    with acting_for(cast.acme.id):
        assert not Consent.objects.exists()


@pytest.mark.protocol("O-11")
def test_a_decision_needs_the_page_that_was_shown(flow: Flow) -> None:
    ticket = flow.authorize().context["ticket"]

    without = flow.browser.post(flow.authorize_url(), {"decision": "allow"})
    other = flow.browser.post(flow.authorize_url(state="other"), {"decision": "allow", "ticket": ticket})

    assert (without.status_code, other.status_code) == (403, 403)


def test_a_decision_needs_the_browser_that_was_shown_it(flow: Flow, cast: Cast) -> None:
    ticket = flow.authorize().context["ticket"]

    elsewhere = Client()
    elsewhere.force_login(cast.ben)
    answer = elsewhere.post(flow.authorize_url(), {"decision": "allow", "ticket": ticket})

    assert answer.status_code == 403


def test_a_forged_form_is_refused(flow: Flow, cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.ben)
    ticket = browser.get(flow.authorize_url()).context["ticket"]

    answer = browser.post(flow.authorize_url(), {"decision": "allow", "ticket": ticket})

    assert answer.status_code == 403


def test_an_auditor_cannot_give_what_they_lack(flow: Flow, cast: Cast) -> None:
    from controlplane.accounts.services import create_user_in

    flow.browser.force_login(create_user_in(cast.acme.id, "dee@acme.example", "auditor"))

    assert flow.authorize().status_code == 403


def test_a_client_that_changes_is_asked_about_again(flow: Flow, cast: Cast) -> None:
    flow.decide()

    with acting_for(cast.acme.id):
        from controlplane.issuer import client_metadata, clients

        client = Program.objects.get()
        clients.change(client, client_metadata.check({**client.metadata, "client_name": "Another"}))

    assert flow.authorize().status_code == 200
