"""The authorization endpoint: a client sends a person here; the person signs in, decides, and is sent back.

Errors before the client and its redirect address are known are pages, never redirects (PROTOCOL O-02). What the
person agrees to is bound to their session and to exactly the request they were shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import OAuth2Error, UnsupportedResponseTypeError
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from controlplane.accounts.models import User
from controlplane.audit.context import serving
from controlplane.issuer import documents, logins, redirects
from controlplane.issuer.addresses import oauth_url
from controlplane.issuer.consents import is_remembered, remember
from controlplane.issuer.documents import InvalidDocumentError
from controlplane.issuer.endpoints import Target
from controlplane.issuer.grants import CodeGrant, target_of
from controlplane.issuer.models import Client
from controlplane.issuer.server import IssuerRequest, TenantServer
from tenants import lookups
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.lookups import TenantSummary

SCOPE_TEXTS: Final = {"mcp:call": "Use its tools, read its resources and prompts, in your name"}
DECIDE_SECONDS: Final = 600

_TICKET = "controlplane.issuer.consent"


class Unanswerable(Exception):
    """Nobody may be sent anywhere: the person is told, and that is all."""

    def __init__(self, message: str, hint: str, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.hint, self.status = message, hint, status


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found in order, and what would be given."""

    server: TenantServer
    request: IssuerRequest
    grant: CodeGrant
    client: Client
    target: Target
    redirect_uri: str
    scopes: list[str]


@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest, tenant: str) -> HttpResponse:
    found = lookups.tenant_by_slug(tenant)
    try:
        if found is None or not found.active:
            raise Unanswerable("There is no issuer at this address.", "Check the address the program uses.", 404)
        with serving(new_id("req")):
            return _authorize(request, found)
    except Unanswerable as error:
        context = {"message": error.message, "hint": error.hint}
        return render(request, "issuer/unanswerable.html", context, status=error.status)


def _authorize(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    parameters = _parameters(request)
    client_id = parameters.get("client_id", "")
    if documents.is_address(client_id):
        # Only people of this installation make it fetch what a stranger names.
        if not request.user.is_authenticated:
            return _sign_in(request, tenant)
        try:
            documents.refresh(client_id, tenant.id)
        except InvalidDocumentError as error:
            raise Unanswerable(f"The program {client_id} cannot be identified.", str(error)) from error
    with acting_for(tenant.id):
        return _answer(request, tenant)


def _answer(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    server = TenantServer(tenant)
    wanted = IssuerRequest(request, tenant.slug, request.GET)
    client = _client(server, wanted)
    try:
        asked = _checked(server, wanted, client)
    except OAuth2Error as error:
        error.state = wanted.payload.state
        error.redirect_uri = wanted.payload.redirect_uri
        return server.handle_error_response(wanted, error)
    if not request.user.is_authenticated:
        return _sign_in(request, tenant)
    return _decide(request, asked, request.user)


def _decide(request: HttpRequest, asked: Asked, user: User) -> HttpResponse:
    tenant = asked.server.tenant
    scopes = logins.who_may(user, tenant.slug, asked.scopes)
    if not scopes:
        raise Unanswerable(
            f"{user.email} may not use what {asked.client.name} asks for.",
            "Sign in as someone who belongs to this tenant, or ask one of its owners or admins for a role.",
            403,
        )
    if request.method == "POST":
        _check_ticket(request, user)
        allowed = request.POST.get("decision") == "allow"
        if allowed:
            remember(asked.client, user, asked.target, asked.redirect_uri, scopes)
        return _send_back(asked, scopes, user if allowed else None)
    if _needs_no_page(request, asked, user, scopes):
        return _send_back(asked, scopes, user)
    return _consent_page(request, asked, user, scopes)


def _send_back(asked: Asked, scopes: list[str], user: User | None) -> HttpResponse:
    """With a code, or with `access_denied` when there is no user."""
    wanted = asked.request
    wanted.scope = " ".join(scopes)
    try:
        response: HttpResponse = asked.server.handle_response(
            *asked.grant.create_authorization_response(asked.redirect_uri, user)
        )
    except OAuth2Error as error:
        error.state = wanted.payload.state
        return asked.server.handle_error_response(wanted, error)
    return response


def _client(server: TenantServer, wanted: IssuerRequest) -> Client:
    """The client, when the redirect address is its own. Raises Unanswerable."""
    client = server.query_client(wanted.payload.client_id or "")
    if client is None:
        raise Unanswerable(
            "The program that sent you here is not known.",
            "Its registration may have expired: remove the connection in the program, and connect again.",
        )
    uri = wanted.payload.redirect_uri
    if not uri or not client.check_redirect_uri(uri):
        raise Unanswerable(
            f"{client.name} did not register the address it wants you sent back to.",
            "This may be an attempt to steal your login. If not, connect again from the program.",
        )
    return client


def _checked(server: TenantServer, wanted: IssuerRequest, client: Client) -> Asked:
    """Raises OAuth2Error for what the client is told by a redirect."""
    if wanted.payload.response_type != "code":
        raise UnsupportedResponseTypeError("other than code")
    grant = server.get_authorization_grant(wanted)
    redirect_uri = grant.validate_consent_request()
    wanted.target = target = target_of(wanted.payload.datalist.get("resource", []), server.tenant.slug)
    named = (wanted.payload.scope or " ".join(logins.SCOPES)).split()
    scopes = [scope for scope in logins.SCOPES if scope in named]
    if not scopes:
        raise _invalid_scope()
    return Asked(server, wanted, grant, client, target, redirect_uri, scopes)


def _invalid_scope() -> OAuth2Error:
    return OAuth2Error(error="invalid_scope", description=f"Scopes here: {' '.join(logins.SCOPES)}.")


def _needs_no_page(request: HttpRequest, asked: Asked, user: User, scopes: list[str]) -> bool:
    """Whether the person agreed to exactly this before.

    A document is public, so any program on the same machine could name it: with a loopback address its consent is
    asked for each time. After the sign-in form a page is needed as well: browsers let a form lead only to origins
    that its own page listed, and would not follow us to the client.
    """
    if asked.request.payload.data.get("prompt") == "consent":
        return False
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return False
    if asked.client.kind == Client.Kind.DOCUMENT and redirects.is_loopback(asked.redirect_uri):
        return False
    return is_remembered(asked.client, user, asked.target, asked.redirect_uri, scopes)


def _consent_page(request: HttpRequest, asked: Asked, user: User, scopes: list[str]) -> HttpResponse:
    context = {
        "client": asked.client,
        "tenant_name": asked.server.tenant.name,
        "resource": asked.target.resource,
        "redirect_host": redirects.host(asked.redirect_uri),
        "loopback": redirects.is_loopback(asked.redirect_uri),
        "by_document": asked.client.kind == Client.Kind.DOCUMENT,
        "scopes": [SCOPE_TEXTS[scope] for scope in scopes],
        "ticket": _ticket(request, user),
        "user": user,
    }
    response = render(request, "issuer/consent.html", context)
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    response["Content-Security-Policy"] = f"{policy}; form-action 'self' {redirects.origin(asked.redirect_uri)}"
    return response


def _ticket(request: HttpRequest, user: User) -> str:
    """Proof that this session was shown exactly this request, for a while."""
    return signing.dumps(_shown(request, user), salt=_TICKET)


def _check_ticket(request: HttpRequest, user: User) -> None:
    try:
        shown = signing.loads(request.POST.get("ticket", ""), salt=_TICKET, max_age=DECIDE_SECONDS)
    except signing.BadSignature:
        shown = None
    if shown != _shown(request, user):
        raise Unanswerable(
            "This page is no longer the one that you were shown.", "Go back to the program, and connect again.", 403
        )


def _shown(request: HttpRequest, user: User) -> str:
    session = request.session.session_key or ""
    request_shown = request.META.get("QUERY_STRING", "")
    return hashlib.sha256(f"{session}\n{user.pk}\n{request.path}\n{request_shown}".encode()).hexdigest()


def _parameters(request: HttpRequest) -> dict[str, str]:
    for name, values in request.GET.lists():
        if len(values) > 1 and name != "resource":
            raise Unanswerable(
                f"The request names the parameter {name[:40]} twice.", "This is a fault of the program that sent you."
            )
        if any("\0" in str(value) for value in values):
            raise Unanswerable("The request is malformed.", "This is a fault of the program that sent you.")
    return {name: str(value) for name, value in request.GET.dict().items()}


def _sign_in(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    """Back to the same request afterwards. The address is the configured one's path, whatever a proxy made of it."""
    path = oauth_url(tenant.slug, "authorize").removeprefix(settings.STOA_PUBLIC_URL)
    return redirect_to_login(f"{path}?{urlencode(list(_pairs(request)))}")


def _pairs(request: HttpRequest) -> Any:
    for name, values in request.GET.lists():
        for value in values:
            yield name, value
