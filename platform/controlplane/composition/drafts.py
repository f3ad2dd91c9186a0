"""What an endpoint shall become: written and thrown away without a client noticing."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlplane.audit import services as audit
from controlplane.composition.document import Composition, write
from controlplane.composition.errors import DraftChanged
from controlplane.composition.models import Endpoint
from tenants.principal import Principal
from tenants.roles import require


def save(endpoint: Endpoint, composition: Composition, *, read_as: int | None, acting: Principal | None) -> Endpoint:
    """Make this the draft. `read_as` is the `draft_number` that the change was made on; None overwrites any.

    It may be one that cannot be published yet: `publishing.preview` says what is wrong with it.
    Raises DraftChanged, NotPermittedError.
    """
    return _change(endpoint, write(composition), read_as, "endpoint.draft_saved", acting)


def discard(endpoint: Endpoint, *, read_as: int | None, acting: Principal | None) -> Endpoint:
    """Forget the draft: the next change starts from what is published. Raises DraftChanged, NotPermittedError."""
    return _change(endpoint, None, read_as, "endpoint.draft_discarded", acting)


def locked(endpoint: Endpoint, *, read_as: int | None = None) -> Endpoint:
    """The row, held until the transaction ends. Raises DraftChanged when it is not in the state that was read."""
    current = Endpoint.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=endpoint.pk)
    if read_as is not None and current.draft_number != read_as:
        raise DraftChanged(current.slug)
    return current


def _change(
    endpoint: Endpoint, draft: dict[str, Any] | None, read_as: int | None, action: str, acting: Principal | None
) -> Endpoint:
    require(acting, "endpoints:write")
    with transaction.atomic():
        endpoint = locked(endpoint, read_as=read_as)
        before, endpoint.draft = endpoint.draft, draft
        if before == draft:
            return endpoint
        endpoint.draft_number += 1
        endpoint.save(update_fields=["draft", "draft_number"])
        audit.record(
            action,
            tenant_id=endpoint.tenant_id,
            acting=acting,
            target=endpoint.id,
            before=None if before is None else {"draft": before},
            after=None if draft is None else {"draft": draft},
        )
    return endpoint
