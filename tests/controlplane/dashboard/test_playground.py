"""The page that calls an endpoint, and the token that it calls with."""

from __future__ import annotations

import base64
import json

import pytest
from django.test import Client

from controlplane.composition.services import find_endpoint
from controlplane.issuer.models import Grant
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tests.support.cast import Cast

PAGE = "/tenants/acme/endpoints/weather/try/"
TOKEN = f"{PAGE}token/"


def claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


def test_a_member_gets_a_token_for_this_endpoint_as_themselves(ben: Client, cast: Cast, revision: Revision) -> None:
    given = ben.post(TOKEN)

    assert given.headers["Cache-Control"] == "no-store"
    said = claims(given.json()["access_token"])
    with acting_for(cast.acme.id):
        assert said["endpoint"] == find_endpoint("weather").id
    assert said["aud"] == "http://127.0.0.1:8000/t/acme/weather/mcp"
    assert said["sub"] == cast.principal(cast.ben, cast.acme).subject


def test_many_tokens_are_one_login_that_can_be_ended(ben: Client, cast: Cast, revision: Revision) -> None:
    ben.post(TOKEN)
    ben.post(TOKEN)

    shown = ben.get("/tenants/acme/logins/").content.decode()
    with acting_for(cast.acme.id):
        (login,) = Grant.objects.all()
    assert shown.count("Stoa dashboard</th>") == 1

    ben.post("/tenants/acme/logins/", {"login": login.id})
    ben.post(TOKEN)
    with acting_for(cast.acme.id):
        assert Grant.objects.filter(revoked_at=None).count() == 1
        assert Grant.objects.count() == 2


@pytest.mark.parametrize("address", [PAGE, TOKEN])
def test_an_outsider_gets_no_token(cem: Client, revision: Revision, address: str) -> None:
    assert (cem.post(address) if address == TOKEN else cem.get(address)).status_code == 404


def test_a_token_needs_the_form_s_own_secret(cast: Cast, revision: Revision) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ben)

    assert client.post(TOKEN).status_code == 403


def test_a_token_is_not_got_by_a_link(ben: Client, revision: Revision) -> None:
    assert ben.get(TOKEN).status_code == 405


def test_the_page_knows_where_to_ask(ben: Client, revision: Revision) -> None:
    shown = ben.get(PAGE).content.decode()

    assert 'data-path="/t/acme/weather/mcp"' in shown
    assert f'data-token="{TOKEN}"' in shown
