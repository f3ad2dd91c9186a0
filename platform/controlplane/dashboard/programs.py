"""The page of programs that act for themselves, by OAuth client credentials."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from controlplane.composition.errors import EndpointNotFound
from controlplane.composition.services import find_endpoint
from controlplane.dashboard.keys import suggested_endpoints, unkept
from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.issuer import clients
from controlplane.issuer.addresses import oauth_url
from controlplane.issuer.errors import InvalidClientError
from tenants.roles import permits


@page("keys:read", write="keys:write")
def programs(request: PageRequest, tenant: str) -> HttpResponse:
    """POST makes one, or removes the one that the button names. A new one's secret is on that answer alone."""
    made: dict[str, str] = {}
    if request.method == "POST":
        if request.POST.get("do") == "remove":
            clients.remove_made(request.POST.get("program", ""), acting=request.principal)
            return done(request, "Removed, with its tokens.", "programs", tenant=tenant)
        made = _made(request, tenant)
    context = {
        "tenant": tenant,
        "rows": clients.made_by_hand(acting=request.principal),
        "made": made,
        "endpoints": suggested_endpoints(),
        "may_write": permits(request.principal, "keys:write"),
    }
    return unkept(render(request, "dashboard/programs.html", context))


def _made(request: PageRequest, tenant: str) -> dict[str, str]:
    try:
        endpoint = find_endpoint(request.POST.get("endpoint", "").strip())
    except EndpointNotFound as error:
        raise InvalidClientError(str(error)) from error
    client, secret = clients.make(request.POST.get("name", ""), endpoint.id, acting=request.principal)
    return {"id": client.client_id, "secret": secret, "token_url": oauth_url(tenant, "token")}
