"""Programs without a browser: a code, a person, a decision."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from controlplane.accounts.services import change_role, create_user_in
from controlplane.accounts.throttling import ACCOUNT_FROM_PLACE
from controlplane.composition.models import Endpoint
from controlplane.issuer import logins
from controlplane.issuer.models import DeviceCode, Grant
from controlplane.issuer.trust import signers_of
from mcp_runtime.authorization.access_tokens import Issuer
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.issuer.conftest import Flow
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
VERIFY = "/t/acme/oauth/verify"
API = f"{settings.STOA_PUBLIC_URL}/api/v1/tenants/acme"


@pytest.fixture
def device(flow: Flow) -> Flow:
    """A registered program without redirect addresses; `flow.browser` is Ben's."""
    flow.register(redirect_uris=[], grant_types=[GRANT, "refresh_token"], client_name="A box")
    return flow


def ask(flow: Flow, **changes: str) -> Any:
    form = {"client_id": flow.client_id, "resource": flow.resource, **changes}
    return flow.program.post(flow.oauth("device"), urlencode(form), content_type="application/x-www-form-urlencoded")


def poll(flow: Flow, asked: dict[str, Any]) -> Any:
    return flow.token(grant_type=GRANT, device_code=asked["device_code"])


def decide(flow: Flow, asked: dict[str, Any], decision: str = "allow") -> Any:
    return flow.browser.post(VERIFY, {"user_code": asked["user_code"], "decision": decision})


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_program_waits_until_it_is_allowed(device: Flow, weather: Endpoint, cast: Cast) -> None:
    asked = ask(device).json()
    pending = poll(device, asked)
    page = device.browser.get(asked["verification_uri_complete"].removeprefix(settings.STOA_PUBLIC_URL))
    allowed = decide(device, asked)
    answer = poll(device, asked)

    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", asked["user_code"])
    assert (asked["interval"], asked["expires_in"]) == (5, 600)
    assert pending.json()["error"] == "authorization_pending"
    for expected in ("A box", asked["user_code"], device.resource, cast.ben.email):
        assert expected in page.content.decode()
    assert b"Allowed" in allowed.content
    assert answer.status_code == 200
    claims = Issuer(signers_of(["acme"])["acme"]).claims(answer.json()["access_token"])
    assert claims is not None
    assert (claims.sub, claims.aud, claims.endpoint) == (cast.ben.pk, device.resource, weather.id)
    assert device.refresh(answer.json()["refresh_token"]).status_code == 200


def test_opening_the_page_allows_nothing(device: Flow) -> None:
    asked = ask(device).json()

    device.browser.get(f"{VERIFY}?user_code={asked['user_code']}&decision=allow")

    assert poll(device, asked).json()["error"] == "authorization_pending"


def test_a_forged_form_is_refused(device: Flow, cast: Cast) -> None:
    asked = ask(device).json()
    device.browser = Client(enforce_csrf_checks=True)
    device.browser.force_login(cast.ben)

    assert decide(device, asked).status_code == 403
    assert poll(device, asked).json()["error"] == "authorization_pending"


def test_a_refused_program_is_told(device: Flow) -> None:
    asked = ask(device).json()
    decide(device, asked, "deny")

    assert poll(device, asked).json()["error"] == "access_denied"


def test_a_code_works_once(device: Flow) -> None:
    asked = ask(device).json()
    decide(device, asked)

    assert poll(device, asked).status_code == 200
    assert poll(device, asked).status_code == 400
    assert b"No program waits" in decide(device, asked).content


def test_a_code_lives_ten_minutes(device: Flow, cast: Cast) -> None:
    asked = ask(device).json()
    with acting_for(cast.acme.id):
        DeviceCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert poll(device, asked).json()["error"] == "expired_token"
    assert b"No program waits" in decide(device, asked).content


def test_a_hasty_program_is_slowed_down(device: Flow) -> None:
    asked = ask(device).json()

    assert [poll(device, asked).json()["error"] for _ in range(2)] == ["authorization_pending", "slow_down"]


def test_another_program_cannot_collect_it(device: Flow) -> None:
    asked = ask(device).json()
    decide(device, asked)
    device.register(redirect_uris=[], grant_types=[GRANT])

    assert poll(device, asked).json()["error"] == "unauthorized_client"


def test_codes_cannot_be_tried_at_will(device: Flow) -> None:
    answers = [
        device.browser.post(VERIFY, {"user_code": f"BBBB-BBB{letter}"})
        for letter in "BCDFGHJKLMN"[: ACCOUNT_FROM_PLACE.attempts + 1]
    ]

    assert [answer.status_code for answer in answers] == [200] * ACCOUNT_FROM_PLACE.attempts + [429]


def test_an_outsider_cannot_allow_it(device: Flow, cast: Cast) -> None:
    asked = ask(device).json()
    device.browser.force_login(cast.cem)

    assert decide(device, asked).status_code == 403
    assert poll(device, asked).json()["error"] == "authorization_pending"


@pytest.mark.protocol("O-03")
@pytest.mark.parametrize("resource", ["", "https://elsewhere.example/mcp", f"{settings.STOA_PUBLIC_URL}/api/v1"])
def test_a_foreign_resource_is_no_target(device: Flow, resource: str) -> None:
    assert ask(device, resource=resource).json()["error"] == "invalid_target"


def test_a_program_that_did_not_register_for_it_gets_no_code(flow: Flow) -> None:
    assert ask(flow).json()["error"] == "unauthorized_client"


def test_a_login_for_the_management_api_manages(device: Flow, cast: Cast) -> None:
    tokens = _manage(device)

    me = device.program.get("/api/v1/me", headers=bearer(tokens["access_token"]))
    servers = device.program.get("/api/v1/tenants/acme/servers", headers=bearer(tokens["access_token"]))
    elsewhere = device.program.get("/api/v1/tenants/globex/servers", headers=bearer(tokens["access_token"]))

    assert (me.json()["kind"], me.json()["id"]) == ("user", cast.ben.pk)
    assert me.json()["tenants"][0]["role"] == "developer"
    assert servers.status_code == 200
    assert elsewhere.status_code == 404


@pytest.mark.protocol("A-06")
def test_its_token_opens_no_endpoint_but_gets_one_that_does(device: Flow, weather: Endpoint) -> None:
    tokens = _manage(device)
    issuer = Issuer(signers_of(["acme"])["acme"])

    narrowed = device.refresh(tokens["refresh_token"], resource=device.resource).json()

    assert issuer.claims(tokens["access_token"]) is None
    claims = issuer.claims(narrowed["access_token"])
    assert claims is not None
    assert (claims.aud, claims.endpoint, claims.scope) == (device.resource, weather.id, "mcp:call")
    answer = device.program.get("/api/v1/me", headers=bearer(narrowed["access_token"]))
    assert answer.status_code == 401


def test_what_it_may_follows_the_role(device: Flow, cast: Cast) -> None:
    device.browser.force_login(create_user_in(cast.acme.id, "vic@acme.example", "viewer"))
    tokens = _manage(device)

    key = device.program.post(
        "/api/v1/tenants/acme/keys",
        {"name": "x", "scopes": ["mcp:call"]},
        content_type="application/json",
        headers=bearer(tokens["access_token"]),
    )

    assert (key.status_code, key.json()["code"]) == (403, "not_permitted")


@pytest.mark.protocol("A-07")
def test_it_ends_at_once(device: Flow, cast: Cast) -> None:
    tokens = _manage(device)

    with acting_for(cast.acme.id):
        logins.revoke_all(acting=None)

    answer = device.program.get("/api/v1/me", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 401


@pytest.mark.protocol("A-07")
def test_it_ends_with_the_role_it_was_given_under(device: Flow, cast: Cast) -> None:
    tokens = _manage(device)

    with acting_for(cast.acme.id):
        change_role(Membership.objects.get(user=cast.ben).pk, "viewer", acting=None)

    assert device.program.get("/api/v1/me", headers=bearer(tokens["access_token"])).status_code == 401
    with acting_for(cast.acme.id):
        assert Grant.objects.get().revoked_because == "membership"


def test_it_stands_on_the_page_of_logins(device: Flow) -> None:
    _manage(device)

    assert b"the management API" in device.browser.get("/tenants/acme/logins/").content


def _manage(device: Flow) -> dict[str, Any]:
    asked = ask(device, resource=API).json()
    decide(device, asked)
    answer = poll(device, asked)
    assert answer.status_code == 200, answer.content
    tokens: dict[str, Any] = answer.json()
    return tokens
