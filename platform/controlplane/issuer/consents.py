"""What people agreed to, remembered per client, redirect address, endpoint and scopes."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.issuer.endpoints import Target
from controlplane.issuer.models import Client, Consent
from controlplane.issuer.redirects import without_port


def is_remembered(client: Client, user: User, target: Target, redirect_uri: str, scopes: Collection[str]) -> bool:
    """Whether they agreed to at least this."""
    found = Consent.objects.filter(**_key(client, user, target, redirect_uri)).first()
    return found is not None and set(scopes) <= set(found.scopes)


def remember(client: Client, user: User, target: Target, redirect_uri: str, scopes: Collection[str]) -> None:
    """With what they agreed to before: asking for more does not take back the rest (PROTOCOL O-09)."""
    consent, made = Consent.objects.select_for_update().get_or_create(
        **_key(client, user, target, redirect_uri), defaults={"scopes": sorted(scopes)}
    )
    if not made:
        consent.scopes = sorted({*consent.scopes, *scopes})
        consent.given_at = timezone.now()
        consent.save(update_fields=["scopes", "given_at"])


def _key(client: Client, user: User, target: Target, redirect_uri: str) -> dict[str, object]:
    return {
        "client": client,
        "user": user,
        "endpoint_id": target.endpoint_id or "",
        "redirect_uri": without_port(redirect_uri),
    }
