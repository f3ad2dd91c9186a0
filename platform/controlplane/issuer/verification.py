"""A device's login: the program asks for a code, a person types it in a browser and decides (RFC 8628)."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import OAuth2Error
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from controlplane.accounts import throttling
from controlplane.accounts.models import User
from controlplane.audit.context import serving
from controlplane.issuer import devices, logins
from controlplane.issuer.addresses import oauth_url
from controlplane.issuer.authorization import SCOPE_TEXTS
from controlplane.issuer.client_metadata import DEVICE_CODE
from controlplane.issuer.grants import AUTH_METHODS, target_of
from controlplane.issuer.models import DeviceCode
from controlplane.issuer.server import IssuerRequest, TenantServer
from controlplane.issuer.views import of_tenant, open_to_programs, problem, refuse_form
from tenants import lookups
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.lookups import TenantSummary
from tenants.roles import PERMISSIONS


@open_to_programs("POST")
@of_tenant
def device(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    """RFC 8628 section 3.1. The resource is an endpoint, or the tenant's management API."""
    refused = refuse_form(request)
    if refused is not None:
        return refused
    server = TenantServer(tenant)
    wanted = IssuerRequest(request, tenant.slug, request.POST)
    try:
        client = server.authenticate_client(wanted, AUTH_METHODS)
        if not client.check_grant_type(DEVICE_CODE):
            raise OAuth2Error(error="unauthorized_client", description="The client did not register for this grant.")
        target = target_of(wanted.payload.datalist.get("resource", []), tenant.slug, management=True)
        offered = logins.SCOPES if target.endpoint_id else sorted(PERMISSIONS)
        named = (wanted.payload.scope or " ".join(offered)).split()
        scopes = [scope for scope in offered if scope in named]
        if not scopes:
            raise OAuth2Error(error="invalid_scope", description="None of these scopes can be given there.")
        token, code = devices.make(client, target, scopes)
    except devices.TooManyDevicesError:
        return problem(429, "temporarily_unavailable", "Too many programs wait for a decision: try in some minutes.")
    except OAuth2Error as error:
        return server.handle_error_response(wanted, error)
    page = oauth_url(tenant.slug, "verify")
    body = {
        "device_code": token,
        "user_code": code.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={code.user_code}",
        "expires_in": int(devices.LIFETIME.total_seconds()),
        "interval": devices.POLL_SECONDS,
    }
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def verify(request: HttpRequest, tenant: str) -> HttpResponse:
    """Where the person goes. A code in the address is only filled in: the page shows what it is for before asking."""
    found = lookups.tenant_by_slug(tenant)
    user = request.user
    if found is None or not found.active or not isinstance(user, User):
        return _page(request, 404, message="There is no issuer at this address.")
    with serving(new_id("req")), acting_for(found.id):
        return _verify(request, found, user)


def _verify(request: HttpRequest, tenant: TenantSummary, user: User) -> HttpResponse:
    typed = str((request.POST if request.method == "POST" else request.GET).get("user_code", ""))[:20]
    if not typed:
        return _page(request, 200)
    if throttling.take(f"device {user.pk}", request.META.get("REMOTE_ADDR", "")):
        return _page(request, 429, message="Too many codes were tried. Wait some minutes, then start again.")
    code = devices.waiting(typed)
    if code is None:
        return _page(request, 200, message="No program waits with this code. Codes live ten minutes: start again.")
    throttling.forget(f"device {user.pk}", request.META.get("REMOTE_ADDR", ""))
    scopes = logins.who_may(user, tenant.slug, code.scopes)
    if not scopes:
        return _page(request, 403, message=f"{user.email} may not use what this program asks for.")
    decision = request.POST.get("decision")
    if decision not in ("allow", "deny"):
        return _page(request, 200, code=code, tenant_name=tenant.name, scopes=_texts(code))
    devices.decide(code, user, scopes if decision == "allow" else ())
    done = "Allowed. The program goes on by itself; you can close this page." if decision == "allow" else "Refused."
    return _page(request, 200, done=done)


def _texts(code: DeviceCode) -> list[str]:
    if code.endpoint_id:
        return [SCOPE_TEXTS[scope] for scope in code.scopes]
    return ["Do in this tenant whatever you may do yourself: deploy, read, change, call"]


def _page(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    return render(request, "issuer/device.html", context, status=status)
