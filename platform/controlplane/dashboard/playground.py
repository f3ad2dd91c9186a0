"""Try an endpoint from the browser: its tools as forms, answers as they come, and the frames themselves.

The page is an MCP client: it gets a token of the person who looks at it, and asks the endpoint like any other.
"""

from __future__ import annotations

from typing import cast

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from controlplane.accounts.models import User
from controlplane.composition import services
from controlplane.composition.services import endpoint_url
from controlplane.dashboard.pages import PageRequest, page
from controlplane.issuer import own_pages


@page("mcp:call")
def playground(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    found = services.find_endpoint(name)
    context = {
        "tenant": tenant,
        "endpoint": found,
        "url": endpoint_url(tenant, found.slug),
        "path": f"/t/{tenant}/{found.slug}/mcp",
    }
    return render(request, "dashboard/playground.html", context)


@require_POST
@page("mcp:call", write="mcp:call", back="playground")
def token(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """For the page's own script: `{access_token, expires_in}`."""
    found = services.find_endpoint(name)
    user = cast("User", request.user)
    given = own_pages.token_for(user, tenant, found.slug, found.id, acting=request.principal)
    answer = {"access_token": given["access_token"], "expires_in": given["expires_in"]}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})
