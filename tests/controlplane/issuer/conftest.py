"""An endpoint of acme's, a registered client, and Ben's browser."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from controlplane.composition.models import Endpoint
from tenants.context import acting_for
from tests.support.cast import Cast

Answer: TypeAlias = Any
"""Of Django's test client, which adds to a response what its types do not say."""
REDIRECT = "https://app.example/callback"


@dataclass
class Flow:
    """A client and a browser going through the login, one step at a time."""

    browser: Client
    tenant: str = "acme"
    endpoint: str = "weather"
    redirect_uri: str = REDIRECT
    client_id: str = ""
    client_secret: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    program: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    @property
    def issuer(self) -> str:
        return f"{settings.STOA_PUBLIC_URL}/t/{self.tenant}"

    @property
    def resource(self) -> str:
        return f"{self.issuer}/{self.endpoint}/mcp"

    def oauth(self, name: str) -> str:
        return f"/t/{self.tenant}/oauth/{name}"

    def register(self, **metadata: Any) -> Answer:
        body = {
            "redirect_uris": [self.redirect_uri],
            "client_name": "Claude",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            **metadata,
        }
        answer = self.program.post(self.oauth("register"), body, content_type="application/json")
        if answer.status_code == 201:
            self.client_id = answer.json()["client_id"]
            self.client_secret = answer.json().get("client_secret", "")
        return answer

    def authorize_url(self, **changes: str | None) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": self.resource,
            "scope": "mcp:call",
            "state": "xyz",
            **changes,
        }
        kept = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.oauth('authorize')}?{urlencode(kept)}"

    def authorize(self, **changes: str | None) -> Answer:
        return self.browser.get(self.authorize_url(**changes))

    def decide(self, decision: str = "allow", /, **changes: str | None) -> Answer:
        """Open the page, and press a button on it."""
        page = self.authorize(**changes)
        assert page.status_code == 200, page.content
        return self.browser.post(
            self.authorize_url(**changes), {"decision": decision, "ticket": page.context["ticket"]}
        )

    def code(self, **changes: str | None) -> str:
        """By the page, or without it when the person agreed before."""
        answer = self.authorize(**changes)
        return answer_in(answer if answer.status_code == 302 else self.decide(**changes))["code"]

    def token(self, **form: str | list[str]) -> Answer:
        body = {"client_id": self.client_id, **form}
        if self.client_secret:
            body["client_secret"] = self.client_secret
        return self.program.post(
            self.oauth("token"), urlencode(body, doseq=True), content_type="application/x-www-form-urlencoded"
        )

    def redeem(self, code: str, **changes: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.token(**form)

    def refresh(self, refresh_token: str, **changes: str) -> Answer:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def log_in(self) -> dict[str, Any]:
        """All of it: the token response."""
        answer = self.redeem(self.code())
        assert answer.status_code == 200, answer.content
        tokens: dict[str, Any] = answer.json()
        return tokens


def answer_in(response: Answer) -> dict[str, str]:
    """The parameters of a redirect to the client; each must be there once."""
    assert response.status_code == 302, response.content
    query = parse_qs(urlsplit(response["Location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


@pytest.fixture
def weather(cast: Cast) -> Endpoint:
    with acting_for(cast.acme.id):
        return Endpoint.objects.create(slug="weather")


@pytest.fixture
def flow(cast: Cast, weather: Endpoint, client: Client) -> Flow:
    """Ben's browser, signed in, and a registered public client."""
    client.force_login(cast.ben)
    flow = Flow(client)
    assert flow.register().status_code == 201
    return flow
