"""The pages that lead to an upstream's log-in and back, in the browser of the one who logs in."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.audit.context import serving
from controlplane.connections import logins
from controlplane.connections.errors import ConnectionsError
from controlplane.connections.upstreams import client_metadata, document_url, find
from controlplane.registry.errors import ServerNotFound
from controlplane.registry.models import Server
from controlplane.registry.services import find_server
from tenants.context import acting_for, run_acting_for
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import NotPermittedError


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def connect(request: HttpRequest, tenant: str, server: str) -> HttpResponse:
    """Who one would be connected to. POST begins the log-in, or ends the connection."""
    principal = _principal(request, tenant)
    with acting_for(principal.tenant), serving(new_id("req")):
        try:
            found = find_server(server)
            upstream = find(found.id)
            context = {"tenant": tenant, "server": found.slug, "upstream": upstream}
            if request.method == "POST":
                if request.POST.get("do") == "disconnect":
                    logins.disconnect(found.id, acting=principal)
                else:
                    context["address"] = logins.begin(found.id, tenant=tenant, acting=principal)
            context["connection"] = logins.connection_of(found.id, acting=principal)
        except (ServerNotFound, ConnectionsError) as error:
            raise Http404 from error
        except NotPermittedError as error:
            raise PermissionDenied from error
    return _page(request, "connections/connect.html", context)


@require_safe
@login_required
def callback(request: HttpRequest, tenant: str) -> HttpResponse:
    """Where the upstream's authorization server leads back to."""
    principal = _principal(request, tenant)
    answer = {name: value for name, value in request.GET.items() if isinstance(value, str)}
    with serving(new_id("req")):
        try:
            server_id = async_to_sync(logins.finish)(answer, tenant=tenant, acting=principal)
            server = async_to_sync(run_acting_for)(principal.tenant, _slug, server_id)
        except ConnectionsError as error:
            return _page(request, "connections/failed.html", {"message": str(error), "hint": error.hint}, status=400)
        except NotPermittedError as error:
            raise PermissionDenied from error
    return _page(request, "connections/connected.html", {"tenant": tenant, "server": server})


@require_safe
def client_document(request: HttpRequest, tenant: str) -> HttpResponse:
    """Our client metadata document. The same for every name, so that it tells nothing about tenants."""
    address = document_url(tenant)
    if address is None:
        raise Http404
    document = {"client_id": address, "token_endpoint_auth_method": "none", **client_metadata(tenant)}
    return JsonResponse(document, headers={"Cache-Control": "max-age=3600"})


def _principal(request: HttpRequest, tenant: str) -> Principal:
    """Who is signed in, as they act there. Raises Http404."""
    principal = principal_of(request.user, tenant) if isinstance(request.user, User) else None
    if principal is None:
        raise Http404
    return principal


def _slug(server_id: str) -> str:
    return Server.objects.get(pk=server_id).slug


def _page(request: HttpRequest, template: str, context: dict[str, object], status: int = 200) -> HttpResponse:
    answer = render(request, template, context, status=status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
