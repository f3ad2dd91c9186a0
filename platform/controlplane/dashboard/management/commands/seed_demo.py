"""`seed_demo`: a tenant with a running server, for a first try. Running it again changes nothing."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.accounts.models import User
from controlplane.accounts.services import create_user, open_tenant
from controlplane.composition.services import endpoint_url
from controlplane.keys.services import create_key, list_keys, revoke_key
from controlplane.registry import services
from controlplane.registry.models import Revision
from mcp_runtime.sandbox.store import Store
from tenants import lookups
from tenants.context import acting_for
from tenants.roles import PERMISSIONS_OF

TENANT = SERVER = "demo"
OWNER = "owner@demo.localhost"
KEY_NAME = "demo"
BUILD_SECONDS = 60.0
PAUSE = 0.05


class Command(BaseCommand):
    help = (
        "Make the tenant 'demo' with a demo server, and wait until it answers. Prints one line of JSON: the API key "
        "when it was made just now, else null."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--renew-key", action="store_true", help="revoke the demo's key and make another: the first one was lost"
        )

    def handle(self, *args: Any, renew_key: bool = False, **options: Any) -> None:
        tenant_id = _tenant()
        self._deploy(tenant_id)
        self._tell_owner()
        answer = {
            "api_key": _key(tenant_id, renew=renew_key),
            "endpoint": f"/t/{TENANT}/{SERVER}/mcp",
            "endpoint_url": endpoint_url(TENANT, SERVER),
        }
        self.stdout.write(json.dumps(answer))

    def _tell_owner(self) -> None:
        """How to get into the dashboard, as long as nobody can."""
        owner = User.objects.filter(email=OWNER).first()
        if owner is not None and not owner.has_usable_password():
            self.stderr.write(
                f"To sign in as {OWNER}, get a link to set the password: stoa manage password_link {OWNER}"
            )

    def _deploy(self, tenant_id: str) -> None:
        """Deploy the demo server unless this very source is active, and wait for it."""
        source = settings.STOA_TEMPLATES / "servers" / SERVER / "server.py"
        store = Store(settings.STOA_STORE)
        store.prepare()
        with source.open("rb") as file:
            bundle = store.add_bundle(file)
        with acting_for(tenant_id):
            server = services.register(SERVER, acting=None)
            current = server.current_revision
            if current is not None and current.bundle == bundle:
                return
            waiting = server.revisions.filter(
                bundle=bundle, status__in=(Revision.Status.QUEUED, Revision.Status.BUILDING)
            ).first()
            revision = waiting or services.submit_revision(SERVER, bundle=bundle, file_name=source.name, acting=None)
        self.stderr.write("Building the demo server.")
        _await_build(tenant_id, revision.id)


def _tenant() -> str:
    found = lookups.tenant_by_slug(TENANT)
    if found is not None:
        return found.id
    # No default password: the owner has none until one is set by way of `password_link`.
    owner = User.objects.filter(email=OWNER).first() or create_user(OWNER, name="Demo owner")
    return open_tenant(TENANT, name="Demo", owner=owner).id


def _await_build(tenant_id: str, revision_id: str) -> None:
    deadline = time.monotonic() + BUILD_SECONDS
    while True:
        with acting_for(tenant_id):
            revision = services.find_revision(revision_id)
        if revision.status in Revision.BUILT:
            return
        if revision.status == Revision.Status.FAILED:
            error = revision.error or {}
            told = "\n".join(str(error.get(key) or "") for key in ("message", "detail", "hint"))
            raise CommandError(f"The demo server could not be built: {told}")
        if time.monotonic() > deadline:
            remedy = {
                Revision.Status.QUEUED: "No Celery worker took it: is one running, with the same REDIS_URL?",
                Revision.Status.BUILDING: "The build is still running: is the sandbox runner up, and what does it say?",
            }[Revision.Status(revision.status)]
            raise CommandError(f"The demo server was not built within {BUILD_SECONDS:.0f} s. {remedy}")
        time.sleep(PAUSE)


def _key(tenant_id: str, *, renew: bool) -> str | None:
    """The demo's key if it is made now. A key is shown once, so one that exists cannot be told."""
    with acting_for(tenant_id):
        existing = [key for key in list_keys(acting=None) if key.name == KEY_NAME and key.revoked_at is None]
        if existing and not renew:
            return None
        for key in existing:
            revoke_key(key.id, acting=None)
        return create_key(KEY_NAME, scopes=PERMISSIONS_OF["developer"], acting=None).token
