"""Whatever strangers send, the answer is theirs to correct: no 5xx, and nothing grows without end."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.accounts import throttling
from controlplane.accounts.models import SignInAttempts
from controlplane.audit.models import Entry
from controlplane.issuer import devices
from controlplane.issuer.models import DeviceCode
from tenants.context import acting_for
from tests.controlplane.issuer.conftest import Flow
from tests.controlplane.issuer.test_devices import GRANT, ask
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("pair", [b"a\0b:c", b"\xff\xfe:x", b"no colon", b":", b"x" * 9000, b"cli_1:\xf0\x9f\x98\x80"])
@pytest.mark.parametrize("name", ["token", "revoke", "introspect", "device"])
def test_odd_credentials(flow: Flow, name: str, pair: bytes) -> None:
    authorization = f"Basic {base64.b64encode(pair).decode()}"

    answer = flow.program.post(
        flow.oauth(name), "grant_type=refresh_token&refresh_token=x&token=x", content_type=FORM,
        headers={"authorization": authorization},
    )  # fmt: skip

    assert answer.status_code in (400, 401)


@pytest.mark.parametrize("authorization", ["Basic", "Basic   ", "Basic !!!", "Bearer x", "Basic é", ""])
def test_odd_authorization_headers(flow: Flow, authorization: str) -> None:
    answer = flow.program.post(
        flow.oauth("token"), "grant_type=refresh_token", content_type=FORM, headers={"authorization": authorization}
    )

    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    "path",
    [
        "/t/a%00b/oauth/token",
        "/t/%ff/oauth/authorize",
        "/t/acme/oauth/register/%00",
        "/t/acme/oauth/register/../token",
        f"/t/{'a' * 200}/oauth/jwks",
        "/.well-known/oauth-authorization-server/t/a%00b",
        "/.well-known/oauth-protected-resource/t/acme/%00/mcp",
    ],
)
def test_odd_addresses(client: Client, cast: Cast, path: str) -> None:
    for method in ("get", "post", "put", "delete", "options"):
        assert getattr(client, method)(path).status_code < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["response_type", "client_id", "redirect_uri", "scope", "state", "resource", "code_challenge", "prompt"]
        ),
        st.text(max_size=60) | st.sampled_from(["code", "https://app.example/callback", "https://[", "\0", '"\\']),
    )
)
def test_odd_authorization_requests(flow: Flow, changes: dict[str, str]) -> None:
    query = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in changes.items())

    answer = flow.browser.get(f"{flow.authorize_url()}&{query}")
    alone = flow.browser.get(f"{flow.oauth('authorize')}?{query}")

    assert answer.status_code in (200, 302, 400)
    assert alone.status_code in (302, 400)


def test_registering_writes_no_record(flow: Flow, cast: Cast) -> None:
    for _ in range(3):
        flow.register()

    with acting_for(cast.acme.id):
        assert not Entry.objects.filter(action__startswith="client").exists()


def test_waiting_devices_are_limited(flow: Flow, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_WAITING", 2)
    flow.register(redirect_uris=[], grant_types=[GRANT])

    assert [ask(flow).status_code for _ in range(3)] == [200, 200, 429]
    with acting_for(cast.acme.id):
        assert DeviceCode.objects.count() == 2


def test_made_up_accounts_fill_no_table(client: Client) -> None:
    for number in range(throttling.PLACE.attempts + 50):
        throttling.take(f"{number}@acme.example", "192.0.2.1")

    assert SignInAttempts.objects.count() == 1 + 2 * throttling.PLACE.attempts
