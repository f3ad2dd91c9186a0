"""Ada, Ben and Cem in their browsers, and a server of acme's that was built."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import BuildLogLine, Revision
from tenants.context import acting_for
from tests.support.cast import Cast

MANIFEST: dict[str, Any] = {
    "name": "weather",
    "tools": [{"name": "get_forecast", "inputSchema": {"type": "object"}}],
    "resources": [],
    "resource_templates": [],
    "prompts": [{"name": "<script>alert(1)</script>"}],
}


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker: what is queued is looked at, not carried out."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture
def ben(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ben)
    return client


@pytest.fixture
def cem(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.cem)
    return client


@pytest.fixture
def revision(cast: Cast) -> Revision:
    """Active, with two lines of log, the second of which is hostile."""
    with acting_for(cast.acme.id):
        revision = services.submit_revision("weather", bundle="a" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=revision.pk).update(
            status="superseded", code="c" * 64, entrypoint="server.py", manifest=MANIFEST
        )
        revision.refresh_from_db()
        activate(revision, acting=None)
        BuildLogLine.objects.create(revision=revision, seq=1, text="Building revision 1.")
        BuildLogLine.objects.create(revision=revision, seq=2, text="<img src=x onerror=alert(1)>")
        revision.refresh_from_db()
    return revision
