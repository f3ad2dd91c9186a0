"""The buttons of a sign-in page."""

from __future__ import annotations

from django import template

from controlplane.providers.offers import Offer, offers

register = template.Library()


@register.inclusion_tag("providers/offers.html")
def identity_providers(next_url: str | None) -> dict[str, list[Offer]]:
    """One for each provider of the tenant that `next_url` leads to."""
    return {"offers": offers(next_url or "")}
