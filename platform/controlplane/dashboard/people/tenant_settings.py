"""What an owner or admin decides for the whole tenant, and its end."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from controlplane.accounts import tenancy
from controlplane.accounts.models import User
from controlplane.accounts.tenancy import NotConfirmedError
from controlplane.composition import services as composition
from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.dashboard.people.confirming import proven
from controlplane.keys import services as keys
from controlplane.registry import services as registry
from tenants import quotas
from tenants.models import Membership, Tenant
from tenants.quotas import Quota
from tenants.roles import permits


@page("members:read", write="tenant:write")
def settings(request: PageRequest, tenant: str) -> HttpResponse:
    """POST saves the name and what is asked of members."""
    found = Tenant.objects.get()
    if request.method == "POST":
        tenancy.configure(
            name=request.POST.get("name", ""),
            requires_second_factor="requires_second_factor" in request.POST,
            acting=request.principal,
        )
        return done(request, "Saved.", "tenant_settings", tenant=tenant)
    context = {
        "tenant": tenant,
        "found": found,
        "usage": usage(found),
        "may_write": permits(request.principal, "tenant:write"),
        "may_delete": permits(request.principal, "tenant:delete"),
    }
    return render(request, "people/tenant_settings.html", context)


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one limit is taken."""

    name: Quota
    count: int
    limit: int


def usage(tenant: Tenant) -> list[Usage]:
    counts: dict[Quota, int] = {
        "servers": registry.servers().count(),
        "endpoints": composition.endpoints().count(),
        "members": Membership.objects.count(),
        "keys": keys.count_unrevoked(),
    }
    return [Usage(name, counts[name], limit) for name, limit in quotas.limits_of(tenant).items()]


@proven()
@page("tenant:delete", write="tenant:delete")
def delete(request: PageRequest, tenant: str) -> HttpResponse:
    """GET shows what would go, POST with the tenant's short name deletes it."""
    if request.method == "POST":
        try:
            actor = request.user if isinstance(request.user, User) else None
            tenancy.delete(request.principal.tenant, confirmation=request.POST.get("confirmation", ""), acting=actor)
        except NotConfirmedError as error:
            messages.error(request, str(error))
            return redirect("delete_tenant", tenant=tenant)
        return done(request, f"{tenant} is deleted.", "home")
    context = {"tenant": tenant, "deletion": tenancy.preview_deletion(request.principal.tenant)}
    return render(request, "people/delete_tenant.html", context)
