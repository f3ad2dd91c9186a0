"""Tenants from outside: limits, suspension, and an end that leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from psycopg import sql

from controlplane.accounts import first_owner, identities, invitations, tenancy
from controlplane.accounts.models import PlatformEvent, User
from controlplane.accounts.tenancy import NotConfirmedError, NotPlatformAdminError
from controlplane.composition.endings import forget_files
from controlplane.keys.services import create_key
from controlplane.local.pytest_plugin import TestServices
from controlplane.registry.models import BuildLogLine
from controlplane.registry.services import submit_revision
from controlplane.vault.services import set_secret
from mcp_runtime.sandbox.store import Store
from tenants import lookups, quotas
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.quotas import InvalidQuotaError, QuotaExceededError
from tenants.services import SlugTakenError, create_tenant
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker: what is queued is looked at, not carried out."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture
def administrator(cast: Cast) -> User:
    cast.cem.is_platform_admin = True
    cast.cem.save()
    return cast.cem


def furnished(tenant: Tenant) -> None:
    """A tenant with something of most kinds."""
    with acting_for(tenant.id):
        revision = submit_revision("weather", bundle="a" * 64, file_name="server.py", acting=None)
        BuildLogLine.objects.create(revision=revision, seq=1, text="Building.")
        set_secret(revision.server.id, "TOKEN", "canary", acting=None)
        create_key("CI", scopes={"mcp:call"}, acting=None)
        invitations.invite(tenant.slug, "viewer", email="dee@acme.example", acting=None)
        person = identities.person_at("https://issuer.example", "1", email="dee@acme.example")
        identities.admit(person, "viewer")


def leftovers(services: TestServices, tenant_id: str) -> dict[str, int]:
    """Every table, every column that holds text, as its owner: where does the tenant's identifier still stand?"""
    found = {}
    with psycopg.connect(services.urls.owner) as owner:
        owner.execute("SELECT set_config('app.tenant', %s, true)", [tenant_id])
        columns = owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type IN ('text', 'character varying', 'json', 'jsonb')"
        ).fetchall()
        for table, column in columns:
            query = sql.SQL("SELECT count(*) FROM {} WHERE strpos({}::text, %s) > 0").format(
                sql.Identifier(table), sql.Identifier(column)
            )
            [count] = owner.execute(query, [tenant_id]).fetchone() or (0,)
            if count:
                found[f"{table}.{column}"] = count
    return found


@pytest.mark.django_db(transaction=True)
def test_a_deleted_tenant_leaves_nothing_but_its_name_and_the_fact(cast: Cast, services: TestServices) -> None:
    furnished(cast.acme)
    before = leftovers(services, cast.acme.id)

    deletion = tenancy.delete(cast.acme.id, confirmation="acme", acting=None)

    assert len(before) > 10
    assert leftovers(services, cast.acme.id) == {"tenants_slug.tenant_id": 1, "accounts_platformevent.target": 1}
    assert deletion.rows["keys.apikey"] == 1
    assert not User.objects.filter(home=cast.acme.id).exists()
    assert lookups.tenant_by_slug("acme") is None
    with pytest.raises(SlugTakenError):
        create_tenant("acme")


@pytest.mark.django_db(transaction=True)
def test_the_neighbours_keep_everything(cast: Cast) -> None:
    for tenant in (cast.acme, cast.globex):
        furnished(tenant)
    before = tenancy.preview_deletion(cast.globex.id)

    tenancy.delete(cast.acme.id, confirmation="acme", acting=None)

    assert tenancy.preview_deletion(cast.globex.id) == before


def test_a_dry_run_changes_nothing(cast: Cast) -> None:
    furnished(cast.acme)

    first, second = (tenancy.preview_deletion(cast.acme.id) for _ in range(2))

    assert first == second
    assert first.rows["registry.server"] == 1
    assert not first.done


@pytest.mark.parametrize("confirmation", ["", "ACME", "acme ", "globex"])
def test_a_deletion_names_what_it_deletes(cast: Cast, confirmation: str) -> None:
    with pytest.raises(NotConfirmedError):
        tenancy.delete(cast.acme.id, confirmation=confirmation, acting=None)

    assert lookups.tenant_by_slug("acme") is not None


def test_nothing_is_erased_without_the_mark_or_for_another_tenant(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        for tenant in (cast.acme, cast.globex):
            with pytest.raises(Exception, match="erased"), acting_for(cast.acme.id), connection.cursor() as cursor:
                cursor.execute("SELECT public.tenants_erase(%s)", [tenant.id])


def test_its_clients_sessions_go_from_redis(cast: Cast, services: TestServices) -> None:
    from controlplane.accounts.leftovers import forget_sessions

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for tenant, session in ((cast.acme.id, "of-acme"), (cast.globex.id, "of-globex")):
            client.zadd(f"stoa:sessions:{tenant}", {session: 1})
            client.zadd(f"stoa:sessions:{tenant}:owner", {session: 1})
            client.set(f"stoa:session:{session}", b"")
            client.xadd(f"stoa:session:{session}:log:main", {"m": "x"})

        forget_sessions(cast.acme.id)

        # By name: beside these lie sessions of other tests, whose random ids match any pattern one day.
        names = [f"stoa:session:{session}{log}" for session in ("of-acme", "of-globex") for log in ("", ":log:main")]
        left = {name for name in names if client.exists(name)}
        mine = list(client.scan_iter(f"stoa:sessions:{cast.acme.id}*"))
        client.delete("stoa:session:of-globex", "stoa:session:of-globex:log:main")
    assert left == {"stoa:session:of-globex", "stoa:session:of-globex:log:main"}
    assert mine == []


def test_files_go_that_nobody_else_uses(cast: Cast, settings: object, tmp_path: Path) -> None:
    settings.STOA_STORE = tmp_path  # type: ignore[attr-defined]
    store = Store(tmp_path)
    store.prepare()
    shared, own = "a" * 64, "b" * 64
    for digest in (shared, own):
        store.path("bundles", digest).write_text("x")
    with acting_for(cast.globex.id):
        submit_revision("weather", bundle=shared, file_name="server.py", acting=None)

    forget_files(digests={"bundles": [shared, own], "code": ["c" * 64], "dependencies": []})

    assert store.has("bundles", shared)
    assert not store.has("bundles", own)


def test_only_administrators_of_the_platform_see_to_tenants(cast: Cast) -> None:
    for act in (
        lambda: tenancy.tenants(acting=cast.ada),
        lambda: tenancy.create("initech", name="", owner=cast.ada, acting=cast.ada),
        lambda: tenancy.set_suspended(cast.globex.id, True, acting=cast.ada),
        lambda: tenancy.set_limits(cast.acme.id, {"servers": 9}, acting=cast.ada),
    ):
        with pytest.raises(NotPlatformAdminError):
            act()


def test_what_administrators_do_is_on_the_platforms_record(cast: Cast, administrator: User) -> None:
    tenancy.set_limits(cast.acme.id, {"servers": 1}, acting=administrator)
    tenancy.set_suspended(cast.acme.id, True, acting=administrator)

    events = PlatformEvent.objects.filter(target=cast.acme.id).order_by("id")

    assert [(event.action, event.actor) for event in events] == [
        ("tenant.limits_changed", administrator.pk),
        ("tenant.suspended", administrator.pk),
    ]
    summary = lookups.tenant_by_slug("acme")
    assert summary is not None
    assert not summary.active


def test_a_limit_is_refused_by_name(cast: Cast) -> None:
    limits: dict[str, int | None] = {"servers": 0, "keys": 0, "members": 2}
    tenancy.set_limits(cast.acme.id, limits, acting=None)

    with acting_for(cast.acme.id):
        with pytest.raises(QuotaExceededError, match="limit servers"):
            submit_revision("weather", bundle="a" * 64, file_name="server.py", acting=None)
        with pytest.raises(QuotaExceededError, match="limit keys"):
            create_key("CI", scopes={"mcp:call"}, acting=None)
        with pytest.raises(QuotaExceededError, match="limit members"):
            invitations.invite("acme", "viewer", acting=None)


def test_a_limit_taken_back_is_the_default(cast: Cast) -> None:
    tenancy.set_limits(cast.acme.id, {"servers": 3}, acting=None)

    assert tenancy.set_limits(cast.acme.id, {"servers": None}, acting=None)["servers"] == quotas.DEFAULTS["servers"]


@pytest.mark.parametrize("changes", [{"gold": 1}, {"servers": -1}, {"servers": True}, {"servers": 10**9}])
def test_what_is_no_limit_is_refused(cast: Cast, changes: dict[str, int | None]) -> None:
    with pytest.raises(InvalidQuotaError):
        tenancy.set_limits(cast.acme.id, changes, acting=None)


@pytest.mark.django_db
def test_the_first_person_gets_the_installation_and_then_nobody_does() -> None:
    placeholder = create_tenant("demo")
    token = first_owner.link().rstrip("/").rpartition("/")[2]

    first = first_owner.create(token, email="dee@demo.example", password="a long password of Dee")

    assert first.is_platform_admin
    assert [(place.tenant.id, place.role) for place in lookups.tenants_of_user(first.pk)] == [(placeholder.id, "owner")]
    assert not first_owner.is_valid(token)
    assert not first_owner.is_awaited()
