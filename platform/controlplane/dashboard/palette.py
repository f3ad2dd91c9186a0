"""What the command palette offers: pages of the navigation table, servers and endpoints, by a part of their names."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.urls import reverse

from controlplane.composition import services as composition
from controlplane.dashboard import navigation
from controlplane.dashboard.pages import PageRequest, page
from controlplane.registry import services as registry
from tenants.roles import permits

MOST: Final = 8
"""Of a kind."""


@page("members:read")
def palette(request: PageRequest, tenant: str) -> HttpResponse:
    """For the palette's script: `[{label, kind, url}]` of what has `q` in its name."""
    wanted = request.GET.get("q", "").strip()[:100]
    found = [
        {"label": link.label, "kind": "page", "url": link.url}
        for link in navigation.links(tenant, request.principal, "", everywhere=True)
        if wanted.lower() in link.label.lower()
    ]
    if wanted and permits(request.principal, "servers:read"):
        found += _named(registry.servers(), wanted, tenant, "server")
    if wanted and permits(request.principal, "endpoints:read"):
        found += _named(composition.endpoints(), wanted, tenant, "endpoint")
    return JsonResponse({"found": found}, headers={"Cache-Control": "no-store"})


def _named(rows: Any, wanted: str, tenant: str, kind: str) -> list[dict[str, str]]:
    """The page of a kind of thing has the kind's name."""
    slugs = rows.filter(slug__icontains=wanted).order_by("slug").values_list("slug", flat=True)[:MOST]
    return [
        {"label": slug, "kind": kind, "url": reverse(kind, kwargs={"tenant": tenant, "name": slug})} for slug in slugs
    ]
