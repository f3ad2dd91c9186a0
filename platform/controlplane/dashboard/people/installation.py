"""The installation's tenants, for platform administrators. For everyone else these pages do not exist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from controlplane.accounts import tenancy
from controlplane.accounts.models import PlatformEvent, User
from controlplane.accounts.tenancy import NotConfirmedError
from controlplane.audit.context import serving
from controlplane.dashboard.people.confirming import proven
from tenants import lookups
from tenants.identifiers import new_id
from tenants.quotas import DEFAULTS, InvalidQuotaError
from tenants.services import InvalidSlugError, SlugTakenError

P = ParamSpec("P")
EVENTS = 50
"""How many of the platform's record are shown."""


def for_administrators(
    view: Callable[Concatenate[HttpRequest, User, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    @require_http_methods(["GET", "HEAD", "POST"])
    @login_required
    @wraps(view)
    def admitted(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.is_platform_admin:
            raise Http404
        with serving(new_id("req")):
            return view(request, user, *args, **kwargs)

    return admitted


@proven()
@for_administrators
def tenants(request: HttpRequest, user: User) -> HttpResponse:
    """POST makes a tenant, whose owner is an account that exists."""
    if request.method == "POST":
        form = request.POST
        owner = User.objects.filter(email=form.get("owner", "").strip().lower(), home="").first()
        if owner is None:
            messages.error(request, "No account has the owner's address.")
            return redirect("installation")
        try:
            tenancy.create(form.get("slug", ""), name=form.get("name", ""), owner=owner, acting=user)
        except (InvalidSlugError, SlugTakenError) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The tenant is made.")
        return redirect("installation")
    context = {"rows": tenancy.tenants(acting=user), "events": PlatformEvent.objects.all()[:EVENTS]}
    return render(request, "people/installation.html", context)


@proven()
@for_administrators
def tenant(request: HttpRequest, user: User, slug: str) -> HttpResponse:
    """POST suspends, resumes, limits or deletes it."""
    found = lookups.tenant_by_slug(slug)
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            return _act(request, user, found.id, slug)
        except (NotConfirmedError, InvalidQuotaError) as error:
            messages.error(request, str(error))
            return redirect("installation_tenant", slug=slug)
    overview = tenancy.overview(found.id)
    limits = [(name, overview.limits[name], default) for name, default in DEFAULTS.items()]
    context = {"found": overview, "limits": limits, "deletion": tenancy.preview_deletion(found.id)}
    return render(request, "people/installation_tenant.html", context)


def _act(request: HttpRequest, user: User, tenant_id: str, slug: str) -> HttpResponse:
    form = request.POST
    match form.get("action"):
        case "suspend" | "resume" as action:
            tenancy.set_suspended(tenant_id, action == "suspend", acting=user)
            messages.success(request, f"{slug} is {'suspended' if action == 'suspend' else 'active'}.")
        case "limits":
            changes = {name: int(form[name]) if form.get(name, "").isdigit() else None for name in DEFAULTS}
            own: dict[str, int | None] = {
                name: None if number == DEFAULTS[name] else number for name, number in changes.items()
            }
            tenancy.set_limits(tenant_id, own, acting=user)
            messages.success(request, "The limits are set.")
        case "delete":
            tenancy.delete(tenant_id, confirmation=form.get("confirmation", ""), acting=user)
            messages.success(request, f"{slug} is deleted.")
            return redirect("installation")
    return redirect("installation_tenant", slug=slug)
