"""What ends with a tenant outside the database: its running workers, its files, and what gateways remember of it."""

from __future__ import annotations

from functools import partial

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.dispatch import receiver

from controlplane.announcements import KEYS, PLANS, announce_on_commit
from controlplane.composition.models import Endpoint
from controlplane.keys.models import ApiKey
from controlplane.registry.models import Revision, Server
from controlplane.registry.tasks import retire_on_commit
from mcp_runtime.sandbox.store import Kind, Store, discard
from tenants import lookups
from tenants.context import acting_for
from tenants.signals import tenant_ending

_KINDS: tuple[tuple[Kind, str], ...] = (("bundles", "bundle"), ("code", "code"), ("dependencies", "dependencies"))


@receiver(tenant_ending)
def end_on_commit(*, slug: str, **unused: object) -> None:
    for endpoint in Endpoint.objects.values_list("slug", flat=True):
        announce_on_commit(PLANS, f"{slug}/{endpoint}")
    for key in ApiKey.objects.filter(revoked_at=None).values_list("pk", flat=True):
        announce_on_commit(KEYS, key)
    for server in Server.objects.all():
        retire_on_commit(server)
    files = {
        kind: sorted({digest for digest in Revision.objects.values_list(column, flat=True) if digest})
        for kind, column in _KINDS
    }
    if any(files.values()):
        transaction.on_commit(partial(forget_files.delay, digests=files), robust=True)


@shared_task(name="composition.forget_files")
def forget_files(*, digests: dict[Kind, list[str]]) -> None:
    """Remove what only the deleted tenant used: the store keeps equal content once, whoever uploaded it."""
    unused = {kind: set(found) for kind, found in digests.items()}
    for tenant_id in lookups.all_tenant_ids():
        with acting_for(tenant_id):
            for kind, column in _KINDS:
                candidates = unused.get(kind, set())
                candidates -= set(
                    Revision.objects.filter(**{f"{column}__in": candidates}).values_list(column, flat=True)
                )
    store = Store(settings.STOA_STORE)
    for kind, found in unused.items():
        for digest in found:
            discard(store.path(kind, digest))
