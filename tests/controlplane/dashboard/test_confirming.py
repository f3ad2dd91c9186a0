"""What is dangerous asks a person who signed in long ago to show again who they are. The tables are all there is."""

from __future__ import annotations

import re
from typing import Any, Final

import pyotp
import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from controlplane.accounts import proofs
from controlplane.accounts.models import User
from controlplane.accounts.second_factors import confirm_app, offer_app
from controlplane.api.urls import urlpatterns as of_the_api
from controlplane.keys.services import create_key
from tenants import lookups
from tenants.context import acting_for
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.accounts.test_passkeys import HOST, Device, add
from tests.support.cast import PASSWORD, Cast

PAGES: Final = {
    "security": "/tenants/acme/settings/security/",
    "delete_tenant": "/tenants/acme/delete/",
    "add_identity_provider": "/tenants/acme/identity-providers/+/openid/",
    "identity_provider": "/tenants/acme/identity-providers/id/",
    "installation": "/installation/",
    "installation_tenant": "/installation/acme/",
    "factors": "/account/second-factor/",
    "add_app": "/account/second-factor/app/",
    "recovery_codes": "/account/second-factor/codes/",
}
API: Final = {
    "revocations": ("post", "/api/v1/tenants/acme/revocations"),
    "signing keys": ("post", "/api/v1/tenants/acme/signing-keys"),
    "data keys": ("post", "/api/v1/tenants/acme/data-keys"),
    "deletion": ("post", "/api/v1/tenants/acme/deletion"),
    "identity providers": ("post", "/api/v1/tenants/acme/identity-providers"),
    "an identity provider": ("put", "/api/v1/tenants/acme/identity-providers/id"),
    "its end": ("delete", "/api/v1/tenants/acme/identity-providers/id"),
    "switching it on": ("post", "/api/v1/tenants/acme/identity-providers/id/enable"),
    "switching it off": ("post", "/api/v1/tenants/acme/identity-providers/id/disable"),
    "tenants": ("post", "/api/v1/installation/tenants"),
    "a tenant": ("patch", "/api/v1/installation/tenants/acme"),
    "its deletion": ("post", "/api/v1/installation/tenants/acme/deletion"),
}


@pytest.fixture
def ada(cast: Cast, client: Client) -> Client:
    """Ada, who may everything and signed in eleven minutes ago."""
    User.objects.filter(pk=cast.ada.pk).update(is_platform_admin=True)
    client.force_login(cast.ada)
    age(client)
    return client


def age(browser: Client) -> None:
    session = browser.session
    session["proven_at"] -= proofs.FRESH_SECONDS + 60
    session.save()


def test_the_tables_are_whole() -> None:
    pages = {str(name) for name in get_resolver().reverse_dict if isinstance(name, str)}
    patterns = [pattern for pattern in of_the_api if getattr(_class(pattern), "asks_for_proof", False)]
    routes = {re.sub(r"<\w+:\w+>", "+", str(pattern.pattern)) for pattern in patterns}

    asking = {name for name in pages if getattr(_view(name), "asks_for_proof", False)}
    assert asking == set(PAGES)
    assert len(routes) == len({re.sub(r"/(acme|id)(?=/|$)", "/+", path) for _, path in API.values()})


def _view(name: str) -> Any:
    for pattern in _patterns(get_resolver()):
        if pattern.name == name:
            return pattern.callback
    return None


def _patterns(resolver: Any) -> Any:
    for pattern in resolver.url_patterns:
        yield from _patterns(pattern) if hasattr(pattern, "url_patterns") else (pattern,)


def _class(pattern: Any) -> Any:
    return getattr(pattern.callback, "cls", None)


def test_a_page_changes_nothing_without_a_fresh_proof(ada: Client, cast: Cast) -> None:
    form = {"confirmation": "acme", "do": "revoke", "keys": "on", "action": "delete"}

    led = {name: ada.post(path, form).headers.get("Location", "") for name, path in PAGES.items()}

    assert [name for name, address in led.items() if not address.startswith("/confirm/?next=%2F")] == []
    assert lookups.tenant_by_slug("acme") is not None


def test_the_api_changes_nothing_without_a_fresh_proof(ada: Client, cast: Cast) -> None:
    answers = {
        name: ada.generic(method.upper(), path, "{}", content_type="application/json")
        for name, (method, path) in API.items()
    }

    told = {name: (answer.status_code, answer.json().get("code")) for name, answer in answers.items()}
    assert {name: said for name, said in told.items() if said != (403, "proof_needed")} == {}


def test_a_key_is_its_own_proof(cast: Cast, client: Client) -> None:
    with acting_for(cast.acme.id):
        key = create_key("incident", scopes=sorted(PERMISSIONS_OF["owner"]), acting=None)

    answer = client.post(API["data keys"][1], headers={"authorization": f"Bearer {key.token}"})

    assert answer.status_code == 201


def test_the_password_opens_the_page_for_ten_minutes(ada: Client) -> None:
    asked = ada.post(PAGES["security"], {"do": "rotate data key"})
    wrong = ada.post(asked.headers["Location"], {"password": "wrong"})
    still = ada.post(PAGES["security"], {"do": "rotate data key"})
    right = ada.post(asked.headers["Location"], {"password": PASSWORD})
    done = ada.post(PAGES["security"], {"do": "rotate data key"}, follow=True)
    age(ada)
    late = ada.post(PAGES["security"], {"do": "rotate data key"})

    assert (wrong.status_code, b"not your password" in wrong.content) == (422, True)
    assert still.headers["Location"] == asked.headers["Location"] == late.headers["Location"]
    assert right.headers["Location"] == PAGES["security"]
    assert b"sealed anew" in done.content


def test_a_code_opens_it_once(ada: Client, cast: Cast) -> None:
    secret = offer_app(cast.ada)
    codes = confirm_app(cast.ada, _code(secret))

    right = ada.post(f"{reverse('confirm')}?next=/account/", {"code": codes[0]})
    age(ada)
    again = ada.post(f"{reverse('confirm')}?next=/account/", {"code": codes[0]})

    assert right.headers["Location"] == "/account/"
    assert again.status_code == 422


def test_one_s_own_passkey_opens_it_and_somebody_else_s_does_not(cast: Cast) -> None:
    browsers = {user: Client(headers={"host": HOST}) for user in (cast.ada, cast.ben)}
    devices = {user: Device() for user in browsers}
    for user, browser in browsers.items():
        browser.force_login(user)
        assert add(browser, devices[user]).status_code == 200
    ada = browsers[cast.ada]
    age(ada)

    theirs = _show(ada, devices[cast.ben])
    still = ada.post(PAGES["delete_tenant"])
    own = _show(ada, devices[cast.ada])

    assert theirs.status_code == 400
    assert still.headers["Location"].startswith("/confirm/")
    assert own.json() == {"next": PAGES["security"]}
    assert ada.post(PAGES["delete_tenant"]).headers["Location"] == PAGES["delete_tenant"]


def _show(browser: Client, device: Device) -> Any:
    path = f"{reverse('confirm_with_passkey')}?next={PAGES['security']}"
    return browser.post(path, device.show(browser.get(path).json()), content_type="application/json")


def test_no_passkey_is_added_without_a_fresh_proof(ada: Client) -> None:
    answer = ada.get(reverse("add_passkey"))

    assert answer.status_code == 403
    assert "Confirm" in answer.json()["error"]


def test_guessing_is_throttled(ada: Client) -> None:
    answers = [ada.post(reverse("confirm"), {"password": f"guess {number}"}).status_code for number in range(11)]

    assert answers[-1] == 429


def test_it_leads_to_no_other_site(ada: Client) -> None:
    answer = ada.post(f"{reverse('confirm')}?next=https://evil.example/", {"password": PASSWORD})

    assert answer.headers["Location"] == "/"


def test_a_page_says_beforehand_that_it_will_ask(ada: Client) -> None:
    assert b"/confirm/?next=%2Ftenants%2Facme%2Fsettings%2Fsecurity%2F" in ada.get(PAGES["security"]).content


def _code(secret: str) -> str:
    return pyotp.TOTP(secret).now()
