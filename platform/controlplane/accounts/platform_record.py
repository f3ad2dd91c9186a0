"""Writing the platform's own record: what was done to accounts, tenants and the installation.

A tenant's record is `controlplane.audit`'s and ends with the tenant; this one stays.
"""

from __future__ import annotations

from controlplane.accounts.models import PlatformEvent, User
from controlplane.audit.context import current_request_id


def record(action: str, *, actor: User | None, target: str, **detail: object) -> PlatformEvent:
    """Inside the transaction of the change. No actor is whoever runs commands on the machine. Never a secret."""
    return PlatformEvent.objects.create(
        action=action,
        actor=actor.pk if actor else "",
        target=target,
        detail=detail,
        request_id=current_request_id(),
    )
