"""Commands that manage a tenant, through the API and back."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from pytest_django.live_server_helper import LiveServer

from controlplane.cli.errors import CliError
from controlplane.cli.main import app
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.api.conftest import Bearer
from tests.support.cast import Cast

Stoa = Callable[..., str]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stoa(
    cast: Cast,
    bearer: Bearer,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Stoa:
    """`stoa("tenant show")` is what it prints."""
    key = bearer(cast.acme, PERMISSIONS_OF["owner"]).defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", key)

    def run(command: str, given: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        app(command.split(), exit_on_error=False)
        said = capsys.readouterr()
        return said.out + said.err

    return run


def test_a_provider_is_made_changed_and_removed(stoa: Stoa) -> None:
    made = stoa("providers add google google --client-id a.apps --secret --rule domain:acme.example=viewer", "s3cret\n")
    listed = stoa("providers ls")
    changed = stoa("providers set google --client-id b.apps --rule anyone=viewer")
    with pytest.raises(CliError, match="not tested"):
        stoa("providers enable google")

    assert "Made google." in made
    assert "off, not tested" in listed
    assert "s3cret" not in made + listed + changed
    assert "Removed google." in stoa("providers rm google")


def test_a_rule_or_setting_that_is_none_is_refused(stoa: Stoa) -> None:
    with pytest.raises(CliError, match="is no rule"):
        stoa("providers add a google --rule viewer")
    with pytest.raises(CliError, match="is no setting"):
        stoa("providers add a google --setting viewer")


def test_the_tenant_is_shown_changed_and_its_keys_replaced(stoa: Stoa) -> None:
    stoa("tenant set --name Acme-Works --second-factor")
    shown = stoa("tenant show")

    assert "Acme-Works" in shown
    assert "required" in shown
    assert "under a new key" in stoa("tenant rotate-data-key")
    assert "signs from" in stoa("tenant rotate-signing-key")


def test_a_tenant_is_deleted_only_with_its_name(stoa: Stoa, cast: Cast) -> None:
    assert "Nothing was deleted" in stoa("tenant delete")
    with pytest.raises(CliError):
        stoa("tenant delete --confirm globex")
    with acting_for(cast.acme.id):
        assert Tenant.objects.filter(slug="acme").exists()

    assert "Deleted acme." in stoa("tenant delete --confirm acme")


def test_where_callers_log_in_nowhere_no_connection_is_listed(stoa: Stoa) -> None:
    assert stoa("connections ls").split() == ["SERVER", "WHOSE", "ISSUER", "STATE"]
    with pytest.raises(CliError, match="No server named"):
        stoa("connections revoke nothing")
