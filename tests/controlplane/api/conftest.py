"""The cast with keys, and a client for each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.keys.services import create_key
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF
from tests.support.cast import PASSWORD, Cast

Bearer = Callable[..., Client]


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker: what is queued is looked at, not carried out."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture(autouse=True)
def _store(settings: Settings, tmp_path: Path) -> None:
    """A store of the test's own."""
    settings.STOA_STORE = tmp_path / "store"


@pytest.fixture
def bearer(cast: Cast) -> Bearer:
    """`bearer(tenant)` is a client with a key of that tenant; `scopes` limits it."""

    def make(
        tenant: Tenant = cast.acme, scopes: Collection[str] = PERMISSIONS_OF["developer"], audience: str = "*"
    ) -> Client:
        with acting_for(tenant.id):
            token = create_key("test", scopes=scopes, audience=audience, acting=None).token
        return Client(headers={"authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def ben(cast: Cast, bearer: Bearer) -> Client:
    """Ben's key: a developer of acme."""
    return bearer()


@pytest.fixture
def cem(cast: Cast, bearer: Bearer) -> Client:
    """Cem's key: everything, at globex."""
    return bearer(cast.globex, PERMISSIONS_OF["owner"])


@pytest.fixture
def ada(cast: Cast) -> Client:
    """Ada in her browser."""
    client = Client(enforce_csrf_checks=True)
    assert client.login(username=cast.ada.email, password=PASSWORD)
    return client
