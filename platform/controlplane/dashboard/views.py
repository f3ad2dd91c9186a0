"""The pages. Each asks services, inside the tenant of its address; an outsider finds nothing there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.composition.services import endpoint_url
from controlplane.registry import services
from controlplane.registry.errors import RegistryError
from tenants import lookups
from tenants.context import acting_for
from tenants.roles import permits

P = ParamSpec("P")
SHOWN_LINES = 500


def page(
    permission: str,
) -> Callable[[Callable[Concatenate[HttpRequest, str, P], HttpResponse]], Callable[..., HttpResponse]]:
    """A page of one tenant, for members whose role has the permission. For everyone else it does not exist."""

    def decorate(view: Callable[Concatenate[HttpRequest, str, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @require_safe
        @login_required
        @wraps(view)
        def admitted(request: HttpRequest, tenant: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            principal = principal_of(cast("User", request.user), tenant)
            if principal is None:
                raise Http404
            if not permits(principal, permission):
                raise PermissionDenied
            with acting_for(principal.tenant):
                try:
                    return view(request, tenant, *args, **kwargs)
                except RegistryError as error:
                    raise Http404 from error

        return admitted

    return decorate


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the servers for who belongs to one tenant; else a choice."""
    places = [found for found in lookups.tenants_of_user(cast("User", request.user).pk) if found.tenant.active]
    if len(places) == 1:
        return redirect("servers", tenant=places[0].tenant.slug)
    return render(request, "dashboard/tenants.html", {"places": places})


@page("servers:read")
def servers(request: HttpRequest, tenant: str) -> HttpResponse:
    rows = [
        {"server": server, "newest": services.latest_revision(server), "url": endpoint_url(tenant, server.slug)}
        for server in services.servers()
    ]
    return render(request, "dashboard/servers.html", {"tenant": tenant, "rows": rows})


@page("servers:read")
def server(request: HttpRequest, tenant: str, name: str) -> HttpResponse:
    found = services.find_server(name)
    context = {
        "tenant": tenant,
        "server": found,
        "revisions": services.revisions_of(found),
        "url": endpoint_url(tenant, found.slug),
    }
    return render(request, "dashboard/server.html", context)


@page("servers:read")
def revision(request: HttpRequest, tenant: str, revision: str) -> HttpResponse:
    """The build log so far is in the page; what follows comes over a WebSocket."""
    found = services.find_revision(revision)
    lines = services.log_lines(found.id, limit=SHOWN_LINES)
    context = {
        "tenant": tenant,
        "revision": found,
        "lines": lines,
        "last": lines[-1].seq if lines else 0,
        "more": len(lines) == SHOWN_LINES,
        "live": f"/live/{tenant}/revisions/{found.id}/log",
        "url": endpoint_url(tenant, found.server.slug),
        "manifest": found.manifest,
    }
    return render(request, "dashboard/revision.html", context)
