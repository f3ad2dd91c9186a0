"""Nothing that opens a door stands in a log or in a row, whatever happens on the way (SECURITY 0.11)."""

from __future__ import annotations

import logging

import pytest
from django.db import connection

from controlplane.local.pytest_plugin import TestServices
from tests.controlplane.issuer.conftest import Flow
from tests.support.canaries import found, rows_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_whole_login_leaves_no_secret_behind(
    flow: Flow, services: TestServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registered = flow.register(token_endpoint_auth_method="client_secret_post").json()
    code = flow.code()
    tokens = flow.redeem(code).json()
    refreshed = flow.refresh(tokens["refresh_token"]).json()
    flow.redeem(code)

    planted = {
        "client secret": registered["client_secret"],
        "registration token": registered["registration_access_token"],
        "code": code,
        "verifier": flow.verifier,
        **{f"first {name}": tokens[name] for name in ("access_token", "refresh_token")},
        **{f"second {name}": refreshed[name] for name in ("access_token", "refresh_token")},
    }
    connection.close()
    rows = rows_of(services.urls.owner)
    assert "issuer_grant" in rows
    assert found(planted, rows) == []
    assert found(planted, caplog.text) == []
