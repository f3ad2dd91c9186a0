"""Writing and reading the record. An entry commits or rolls back with the change it speaks of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.audit import context
from controlplane.audit.models import Entry
from tenants.principal import Principal
from tenants.roles import require

State = Mapping[str, object]
"""What mattered about the target, as JSON values. Never a secret, and no digest of one: a short one can be guessed."""

MAX_STATE = 16 * 1024
"""Bytes of a state that is kept as it is. Of a longer one the digest is, to prove what it was."""


def record(
    action: str,
    *,
    tenant_id: str,
    acting: Principal | None,
    target: str,
    before: State | None = None,
    after: State | None = None,
    request_id: str | None = None,
) -> Entry:
    """Add an entry inside the caller's `acting_for` block, and so inside its transaction. None acts for the platform.

    The request is the one being served unless the caller, a task that continues one, names it.
    """
    return Entry.objects.create(
        tenant_id=tenant_id,
        action=action,
        actor_kind=acting.kind if acting else "platform",
        actor=acting.subject if acting else "",
        target=target,
        before=kept(before),
        after=kept(after),
        request_id=context.current_request_id() if request_id is None else request_id,
    )


def kept(state: State | None) -> Any:
    """The state as plain JSON."""
    if state is None:
        return None
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    encoded = text.encode()
    if len(encoded) > MAX_STATE:
        return {"sha256": hashlib.sha256(encoded).hexdigest(), "bytes": len(encoded)}
    return json.loads(text.replace("\\u0000", "\\ufffd"))  # PostgreSQL keeps no NUL


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; empty is every one."""

    action: str = ""
    """This one, or with a dot at the end all that begin so: `key.`"""
    actor: str = ""
    target: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries(chosen: Filter, *, acting: Principal | None, below: str = "") -> QuerySet[Entry]:
    """Newest first; `below` goes on after the entry with that identifier."""
    require(acting, "audit:read")
    found = Entry.objects.all()
    if chosen.action:
        key = "action__startswith" if chosen.action.endswith(".") else "action"
        found = found.filter(**{key: chosen.action})
    exact = {"actor": chosen.actor, "target": chosen.target, "request_id": chosen.request_id}
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if chosen.since is not None:
        found = found.filter(at__gte=chosen.since)
    if chosen.until is not None:
        found = found.filter(at__lt=chosen.until)
    return found.filter(id__lt=below) if below else found


def forget(days: int) -> int:
    """Delete entries of every tenant that are older; how many. The database deletes none of the last 30 days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.audit_forget(%s)", [timezone.now() - timedelta(days=days)])
        (gone,) = cursor.fetchone()
    return int(gone)
