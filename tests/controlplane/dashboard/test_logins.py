"""The page of logins."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.composition.models import Endpoint
from controlplane.issuer.logins import open_login
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Grant
from tenants.context import acting_for
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

PAGE = "/tenants/acme/logins/"


@pytest.fixture
def login(cast: Cast) -> Grant:
    with acting_for(cast.acme.id):
        endpoint = Endpoint.objects.create(slug="weather")
        metadata = {"client_name": "<b>Claude</b>", "grant_types": []}
        program = Program.objects.create(client_id="cli_1", kind="registered", metadata=metadata)
        return open_login(program, cast.ben, endpoint_id=endpoint.id, resource="https://x/mcp", scopes=["mcp:call"])


def test_it_shows_ones_programs_and_ends_one(ben: Client, login: Grant) -> None:
    before = ben.get(PAGE)
    ended = ben.post(PAGE, {"login": login.id}, follow=True)

    assert b"&lt;b&gt;Claude&lt;/b&gt;" in before.content
    assert ended.redirect_chain[-1][0] == PAGE
    assert b"Nobody is logged in" in ended.content


def test_an_outsider_gets_404(cem: Client, login: Grant) -> None:
    assert cem.get(PAGE).status_code == 404
    assert cem.post(PAGE, {"login": login.id}).status_code == 404


def test_someone_elses_login_is_not_there(ben: Client, cast: Cast, login: Grant) -> None:
    with acting_for(cast.acme.id):
        Grant.objects.update(user=cast.ada)

    assert b"Claude" not in ben.get(PAGE).content
    assert ben.post(PAGE, {"login": login.id}).status_code == 404


def test_an_admin_sees_everybodys(client: Client, cast: Cast, login: Grant) -> None:
    client.force_login(cast.ada)

    assert cast.ben.email.encode() in client.get(PAGE).content


def test_a_forged_form_is_refused(cast: Cast, login: Grant) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.ben)

    assert browser.post(PAGE, {"login": login.id}).status_code == 403
