"""How a page says no: error pages in the dashboard's own clothes, and a refusal on the page of the button."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.views import defaults

from controlplane.registry.models import Revision
from tenants.quotas import QuotaExceededError
from tests.support.cast import Cast


def styled(content: bytes) -> bool:
    """By the stylesheet, with one heading and a way on."""
    return bool(re.search(rb'rel="stylesheet" href="/assets/', content)) and content.count(b"<h1>") == 1


def test_what_is_not_there_is_said_in_style(ben: Client, cast: Cast) -> None:
    answer = ben.get("/tenants/acme/servers/absent/")

    assert answer.status_code == 404
    assert styled(answer.content)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_what_a_role_lacks_is_said_in_style(ben: Client, cast: Cast) -> None:
    answer = ben.get("/tenants/acme/settings/security/")

    assert answer.status_code == 403
    assert styled(answer.content)


def test_a_bad_request_and_a_fault_of_ours_are_said_in_style() -> None:
    """The second without a database, a session or a request that can be trusted."""
    request: HttpRequest = RequestFactory().get("/")

    bad = defaults.bad_request(request, BadRequest())
    failed = defaults.server_error(request)

    assert (bad.status_code, styled(bad.content)) == (400, True)
    assert (failed.status_code, styled(failed.content)) == (500, True)


def test_a_form_without_its_token_is_refused_in_style(cast: Cast) -> None:
    strict = Client(enforce_csrf_checks=True)

    answer = strict.post("/login/", {"username": "x", "password": "y"})

    assert answer.status_code == 403
    assert styled(answer.content)


def test_the_address_of_a_button_leads_to_its_page(ben: Client, revision: Revision) -> None:
    answer = ben.get("/tenants/acme/servers/weather/refresh/")

    assert answer.headers["Location"] == "/tenants/acme/servers/weather/"


def test_a_refused_button_says_so_on_its_page(ben: Client, revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **names: object) -> None:
        raise QuotaExceededError("keys", 0)

    monkeypatch.setattr("controlplane.issuer.own_pages.token_for", full)

    answer = ben.post("/tenants/acme/endpoints/weather/try/token/", follow=True)

    assert answer.redirect_chain[-1][0] == "/tenants/acme/endpoints/weather/try/"
    assert answer.status_code == 200
    assert b'role="alert"' in answer.content
