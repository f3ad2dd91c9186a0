"""The endpoints that tokens are for. The issuer stands beside composition and knows its table by reference only."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps


@dataclass(frozen=True, slots=True)
class Target:
    """A protected resource of the tenant: what a client asks to be let in to."""

    resource: str
    endpoint_id: str | None
    """None for the management API."""


def find_endpoint(slug: str) -> str | None:
    """The identifier of the current tenant's endpoint. Whether anything is published there is no matter of logins."""
    table = apps.get_model("composition", "Endpoint")
    return table.objects.filter(slug=slug).values_list("id", flat=True).first()
