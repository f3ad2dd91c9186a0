"""Making tenants. Callers that act for people (accounts) add the audit record in the same transaction."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from tenants import datakeys
from tenants.context import acting_for
from tenants.identifiers import SLUG_RULE, is_slug, new_id
from tenants.models import Slug, Tenant


class InvalidSlugError(ValueError):
    """The slug cannot stand in a URL."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"{slug[:60]!r} cannot be a slug: {SLUG_RULE}.")


class SlugTakenError(Exception):
    """A tenant has the slug, or had it once: slugs are never given out again."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"The slug {slug!r} is taken. Choose another.")


def create_tenant(slug: str, *, name: str = "") -> Tenant:
    """A tenant with its slug reserved and a data key. Raises InvalidSlugError, SlugTakenError."""
    if not is_slug(slug):
        raise InvalidSlugError(slug)

    tenant_id = new_id("ten")
    with acting_for(tenant_id):
        try:
            with transaction.atomic():
                Slug.objects.create(slug=slug, tenant_id=tenant_id)
        except IntegrityError:
            raise SlugTakenError(slug) from None
        tenant = Tenant.objects.create(id=tenant_id, slug=slug, name=name or slug)
        datakeys.add_data_key()
    return tenant
