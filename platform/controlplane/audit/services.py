"""Writing the record. It commits or rolls back with the change it speaks of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from controlplane.audit import context
from controlplane.audit.models import Entry
from tenants.principal import Principal

State = Mapping[str, object]
"""What mattered about the target, as JSON values. Never a secret: a digest of a short one can be guessed."""


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
        before=digest(before),
        after=digest(after),
        request_id=context.current_request_id() if request_id is None else request_id,
    )


def digest(state: State | None) -> str:
    """Equal states have equal digests, whatever the order of their keys; no state has none."""
    if state is None:
        return ""
    canonical = json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
