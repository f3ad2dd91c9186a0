"""What every address of an issuer shares: its tenant, one transaction, and answers that other origins may read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from controlplane.audit.context import serving
from controlplane.issuer import assertions, metadata, signing
from controlplane.issuer.client_metadata import JWT_BEARER
from controlplane.issuer.server import IssuerRequest, TenantServer
from tenants import lookups
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.lookups import TenantSummary

P = ParamSpec("P")
METADATA_SECONDS = 300

View = Callable[..., HttpResponse]


def open_to_programs(*methods: str) -> Callable[[View], View]:
    """An address that takes no cookie: any origin may use it, and there is nothing for CSRF to forge."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def admitted(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method == "OPTIONS":
                response = HttpResponse(status=204)
            elif request.method not in methods:
                response = HttpResponseNotAllowed([*methods, "OPTIONS"])
            else:
                with serving(new_id("req")):
                    response = view(request, *args, **kwargs)
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Allow-Methods"] = ", ".join(methods)
            response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, MCP-Protocol-Version"
            response["Access-Control-Max-Age"] = "600"
            return response

        return admitted

    return decorate


def of_tenant(
    view: Callable[Concatenate[HttpRequest, TenantSummary, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
    """Runs the view for an active tenant, in one transaction; any other name has no issuer."""

    @wraps(view)
    def run(request: HttpRequest, tenant: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        found = lookups.tenant_by_slug(tenant)
        if found is None or not found.active:
            return no_issuer()
        with acting_for(found.id):
            return view(request, found, *args, **kwargs)

    return run


def no_issuer() -> HttpResponse:
    return problem(404, "not_found", "There is no issuer at this address.")


def problem(status: int, error: str, description: str) -> HttpResponse:
    """An OAuth error (RFC 6749 section 5.2)."""
    response = JsonResponse({"error": error, "error_description": description}, status=status)
    response["Cache-Control"] = "no-store"
    return response


@open_to_programs("GET", "HEAD")
@of_tenant
def issuer_metadata(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    return _cached(metadata.issuer_metadata(tenant.slug), METADATA_SECONDS)


@open_to_programs("GET", "HEAD")
def resource_metadata(request: HttpRequest, tenant: str, endpoint: str) -> HttpResponse:
    """The same for tenants and endpoints that do not exist: nobody learns which do (PROTOCOL A-11)."""
    return _cached(metadata.resource_metadata(tenant, endpoint), METADATA_SECONDS)


@open_to_programs("GET", "HEAD")
@of_tenant
def jwks(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    return _cached(signing.key_set(), signing.JWKS_SECONDS)


@open_to_programs("POST")
def token(request: HttpRequest, tenant: str) -> HttpResponse:
    """Codes, refresh tokens and assertions become access tokens."""
    refused = refuse_form(request, repeatable=("resource",))
    if refused is not None:
        return refused
    found = lookups.tenant_by_slug(tenant) if request.POST.get("grant_type") == JWT_BEARER else None
    vouched = assertions.vouched(str(request.POST.get("assertion", "")), found) if found and found.active else None
    return _token(request, tenant, vouched)


@of_tenant
def _token(request: HttpRequest, tenant: TenantSummary, vouched: Mapping[str, Any] | None) -> HttpResponse:
    """What a refusal changed (a family revoked) is kept as well."""
    wanted = _form(request, tenant)
    wanted.vouched = vouched
    response: HttpResponse = TenantServer(tenant).create_token_response(wanted)
    return response


@open_to_programs("POST")
@of_tenant
def revoke(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    return _endpoint("revocation", request, tenant)


@open_to_programs("POST")
@of_tenant
def introspect(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    return _endpoint("introspection", request, tenant)


def _endpoint(name: str, request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    refused = refuse_form(request)
    if refused is not None:
        return refused
    response: HttpResponse = TenantServer(tenant).create_endpoint_response(name, _form(request, tenant))
    return response


def _form(request: HttpRequest, tenant: TenantSummary) -> IssuerRequest:
    return IssuerRequest(request, tenant.slug, request.POST)


def refuse_form(request: HttpRequest, repeatable: tuple[str, ...] = ()) -> HttpResponse | None:
    """Parameters come in a form, each once (RFC 6749 section 3.2), a secret in a header that can be read."""
    if not _is_readable(request.headers.get("Authorization", "")):
        return problem(401, "invalid_client", "The Authorization header cannot be read.")
    if request.content_type != "application/x-www-form-urlencoded":
        return problem(400, "invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
    for name, values in request.POST.lists():
        if len(values) > 1 and name not in repeatable:
            return problem(400, "invalid_request", "A parameter came more than once.")
        if any("\0" in str(value) for value in values):
            return problem(400, "invalid_request", "A parameter has a character that none may have.")
    return None


def _is_readable(authorization: str) -> bool:
    """Whether Authlib can take a Basic header apart: it raises for what is not base64 of UTF-8."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return True
    try:
        base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return False
    return bool(encoded.strip())


def _cached(document: dict[str, object] | dict[str, list[dict[str, object]]], seconds: int) -> HttpResponse:
    response = JsonResponse(document)
    response["Cache-Control"] = f"public, max-age={seconds}"
    return response
