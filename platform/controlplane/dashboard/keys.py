"""Pages of API keys: the tenant's, and each member's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from controlplane.composition import services as composition
from controlplane.composition.errors import EndpointNotFound
from controlplane.composition.models import Endpoint
from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.keys import services
from controlplane.keys.models import ApiKey
from controlplane.keys.services import InvalidKeyError, NewKey
from tenants.roles import permits

ON_A_PAGE = 50
SUGGESTED = 100
"""Names of endpoints that the form offers; any other can be typed."""
LIFETIMES: Final = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
OVERLAPS: Final = {"0": "at once", "1": "in an hour", "24": "in a day", "168": "in a week"}
"""How long a rotated key works on, in hours."""


@page("keys:read", write="keys:write")
def keys(request: PageRequest, tenant: str) -> HttpResponse:
    """The tenant's keys and its members'. POST does what its button says; only its answer shows a new key."""
    return _keys(request, tenant, own=False)


@page("mcp:call", write="mcp:call")
def own_keys(request: PageRequest, tenant: str) -> HttpResponse:
    """The same for the keys that act as the one who looks."""
    return _keys(request, tenant, own=True)


def _keys(request: PageRequest, tenant: str, *, own: bool) -> HttpResponse:
    here = "own_keys" if own else "keys"
    if request.method != "POST":
        return _listed(request, tenant, own=own)
    form, acting = request.POST, request.principal
    key_id, do = form.get("key", ""), form.get("do", "")
    if do == "revoke":
        revoke = services.revoke_personal_key if own else services.revoke_key
        revoke(key_id, acting=acting)
        return done(request, "Revoked. Gateways stop taking it within seconds.", here, tenant=tenant)
    if do == "rotate":
        rotate = services.rotate_personal_key if own else services.rotate_key
        hours = form.get("overlap", "")
        if hours not in OVERLAPS:
            raise InvalidKeyError("Choose when the old key ends.")
        return _listed(
            request, tenant, own=own, made=rotate(key_id, overlap=timedelta(hours=int(hours)), acting=acting)
        )
    try:
        make = services.create_personal_key if own else services.create_key
        made = make(**_wanted(form), acting=acting)
    except (InvalidKeyError, EndpointNotFound) as error:  # what was entered stays on the page
        return _listed(request, tenant, own=own, problem=str(error))
    return _listed(request, tenant, own=own, made=made)


def _wanted(form: QueryDict) -> dict[str, Any]:
    """As the services take it. Raises InvalidKeyError, EndpointNotFound."""
    days, endpoint = form.get("days", ""), form.get("endpoint", "").strip()
    if days not in LIFETIMES:
        raise InvalidKeyError("Choose how long the key is good.")
    return {
        "name": form.get("name", ""),
        "scopes": form.getlist("scope"),
        "expires_at": timezone.now() + timedelta(days=int(days)) if days else None,
        "audience": composition.find_endpoint(endpoint).id if endpoint else "*",
        "only": lines(form.get("only", "")),
        "networks": lines(form.get("networks", "")),
    }


def _listed(
    request: PageRequest, tenant: str, *, own: bool, made: NewKey | None = None, problem: str = ""
) -> HttpResponse:
    below = request.GET.get("below", "")[:60]
    found = services.page_of_keys(acting=request.principal, own=own, below=below, limit=ON_A_PAGE + 1)
    shown, now = found[:ON_A_PAGE], timezone.now()
    names = _names_of({key.audience for key in shown})
    entered = request.POST if problem else QueryDict("scope=mcp:call&days=90")
    context = {
        "tenant": tenant,
        "own": own,
        "rows": [_row(key, request, names, own=own) | {"valid": key.is_valid(now)} for key in shown],
        "below": shown[-1].id if len(found) > ON_A_PAGE else "",
        "made": made,
        "problem": problem,
        "entered": entered,
        "chosen": entered.getlist("scope"),
        "scopes": sorted(request.principal.scopes),
        "lifetimes": LIFETIMES.items(),
        "overlaps": OVERLAPS.items(),
        "endpoints": suggested_endpoints(),
        "may_write": own or permits(request.principal, "keys:write"),
    }
    return unkept(render(request, "dashboard/keys.html", context, status=422 if problem else 200))


def _row(key: ApiKey, request: PageRequest, names: dict[str, str], *, own: bool) -> dict[str, Any]:
    return {
        "key": key,
        "endpoint": names.get(key.audience, key.audience),
        "may_rotate": own or key.owner in ("", request.principal.subject),
        "is_own": key.owner == request.principal.subject,
    }


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def suggested_endpoints() -> list[str]:
    return list(composition.endpoints().order_by("slug").values_list("slug", flat=True)[:SUGGESTED])


def unkept(answer: HttpResponse) -> HttpResponse:
    """It may show a secret: no cache, and no button that leads back, brings it up again."""
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _names_of(audiences: set[str]) -> dict[str, str]:
    found = Endpoint.objects.filter(pk__in=audiences - {"*"}).values_list("id", "slug")
    return {"*": "", **dict(found)}
