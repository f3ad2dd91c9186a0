"""A provider that acme's people sign in by, and a browser in front of both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from controlplane import outbound
from controlplane.providers import metadata, services
from controlplane.providers.models import Attempt, Provider
from controlplane.providers.services import Wanted
from tenants.context import acting_for
from tests.controlplane.providers.standins.base import CLIENT_ID, CLIENT_SECRET, Asked, Reply, Standin, running
from tests.support.cast import Cast

ADA: dict[str, Any] = {
    "sub": "subject-of-ada",
    "email": "ada@acme.example",
    "email_verified": True,
    "name": "Ada at the provider",
    "groups": ["engineers", "everyone"],
}
RULES = ({"match": "domain", "value": "acme.example", "role": "developer"},)


@dataclass
class Door:
    """Acme's sign-in by one provider, as a browser goes through it."""

    standin: Standin
    slug: str = "id"
    browser: Client = field(default_factory=Client)

    def begin(self, next_url: str = "/", **extra: Any) -> Any:
        return self.browser.get(f"/sign-in/acme/{self.slug}/?{urlencode({'next': next_url})}", **extra)

    def at_provider(self, begun: Any) -> str:
        """Follow the redirect to the provider; the address it sends the browser back to."""
        assert begun.status_code == 302, begun.content
        parts = urlsplit(begun["Location"])
        assert f"{parts.scheme}://{parts.netloc}" == self.standin.url
        query = dict(parse_qsl(parts.query))
        reply: Reply = self.standin.authorize(Asked("GET", parts.path, query, {}, {}))
        assert reply.status == 302, reply.body
        return reply.headers["Location"].removeprefix(django_settings.STOA_PUBLIC_URL)

    def finish(self, address: str) -> Any:
        return self.browser.get(address)

    def sign_in(self, next_url: str = "/") -> Any:
        return self.finish(self.at_provider(self.begin(next_url)))

    @property
    def signed_in(self) -> bool:
        return "_auth_user_id" in self.browser.session


@contextlib.contextmanager
def trusting(settings: Settings) -> Iterator[None]:
    """This machine's network, as an operator opens an intranet's; what other tests fetched is forgotten."""
    settings.STOA_FETCH_NETWORKS = ["127.0.0.0/8"]
    metadata.forget_everything()
    yield
    metadata.forget_everything()
    outbound._tls.cache_clear()


@contextlib.contextmanager
def in_front_of_ada(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    """Any OpenID Connect provider, with Ada in front of it."""
    with trusting(settings), running(Standin(people={"ada": dict(ADA)}), folder) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", str(standin.certificate))
        outbound._tls.cache_clear()
        yield standin


@pytest.fixture
def trusted(settings: Settings) -> Iterator[None]:
    with trusting(settings):
        yield


@pytest.fixture
def standin(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    with in_front_of_ada(tmp_path, settings, monkeypatch) as standin:
        yield standin


@pytest.fixture
def door(cast: Cast, standin: Standin) -> Door:
    """Switched on, as if its test had passed."""
    add(cast, standin)
    return Door(standin)


def wanted(standin: Standin, **changes: Any) -> Wanted:
    values: dict[str, Any] = {
        "kind": "openid",
        "name": "Acme ID",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "settings": {"issuer": standin.issuer},
        "rules": RULES,
    }
    return Wanted(**{**values, **changes})


def add(cast: Cast, standin: Standin, slug: str = "id", **changes: Any) -> Provider:
    with acting_for(cast.acme.id):
        provider = services.create_provider(slug, wanted(standin, **changes), acting=None)
        provider.tested = services.digest(provider)
        provider.save()
        return services.enable_provider(slug, acting=None)


def last_attempt(cast: Cast) -> Attempt:
    with acting_for(cast.acme.id):
        found = Attempt.objects.first()
        assert found is not None
        return found
