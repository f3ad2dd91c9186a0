"""Where a sign-in by a provider begins and ends. Both are plain GETs that a browser is led through."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlplane.accounts import throttling
from controlplane.accounts.signing_in import safe_next
from controlplane.accounts.throttling import Gate, Limit
from controlplane.audit.context import serving
from controlplane.providers import flow
from controlplane.providers.errors import ProviderNotFound, SignInRefused
from tenants import lookups
from tenants.identifiers import new_id
from tenants.lookups import TenantSummary

STARTS: Final = Gate(
    "provider sign-in",
    Limit(60, timedelta(minutes=10)),
    Limit(300, timedelta(minutes=10)),
    Limit(20_000, timedelta(hours=1)),
)
"""Nothing can be guessed here, and an office shares one address; what is spared is the provider, and our sessions."""


@never_cache
@require_GET
def start(request: HttpRequest, tenant: str, provider: str) -> HttpResponse:
    """Lead the browser to the provider. Counted: each start may make us ask the provider, and fills a session."""
    if throttling.take(f"{tenant}/{provider}", request.META.get("REMOTE_ADDR", ""), gate=STARTS):
        return _refused(request, SignInRefused("Too many sign-ins were begun here.", "Wait some minutes."), 429)
    try:
        with serving(new_id("req")):
            next_url = safe_next(request, request.GET.get("next", "")[:4000])
            return HttpResponseRedirect(flow.begin(request, _tenant(tenant), provider, next_url=next_url))
    except SignInRefused as error:
        return _refused(request, error)
    except ProviderNotFound as error:
        raise Http404 from error


@never_cache
@require_GET
def callback(request: HttpRequest, tenant: str, provider: str) -> HttpResponse:
    """The redirect URI."""
    try:
        with serving(new_id("req")):
            return HttpResponseRedirect(flow.finish(request, _tenant(tenant), provider))
    except SignInRefused as error:
        return _refused(request, error)
    except ProviderNotFound as error:
        raise Http404 from error


def _tenant(slug: str) -> TenantSummary:
    found = lookups.tenant_by_slug(slug)
    if found is None or not found.active:
        raise ProviderNotFound(slug)
    return found


def _refused(request: HttpRequest, error: SignInRefused, status: int = 403) -> HttpResponse:
    return render(request, "providers/refused.html", {"message": str(error), "hint": error.hint}, status=status)
