"""Which providers a sign-in page offers: those of the tenant that the person is on the way to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from controlplane.providers.addresses import start_path
from controlplane.providers.kinds import KINDS
from controlplane.providers.models import Provider
from tenants import lookups
from tenants.context import acting_for

_OF_A_TENANT: Final = re.compile(r"/(?:t|tenants)/([a-z0-9-]{1,63})(?:/.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Offer:
    label: str
    url: str
    required: bool


def offers(next_url: str) -> list[Offer]:
    """None for an address that is no tenant's."""
    match = _OF_A_TENANT.fullmatch(urlsplit(next_url).path if next_url.startswith("/") else "")
    return offers_of(match[1], next_url) if match else []


def offers_of(tenant: str, next_url: str = "") -> list[Offer]:
    found = lookups.tenant_by_slug(tenant)
    if found is None or not found.active:
        return []
    with acting_for(found.id):
        return [
            Offer(provider.name, start_path(found.slug, provider.slug, next_url), provider.required)
            for provider in Provider.objects.filter(enabled=True)
            if KINDS[provider.kind].protocol != "jwt"
        ]
