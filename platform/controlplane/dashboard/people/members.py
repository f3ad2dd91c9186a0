"""A tenant's members and invitations."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from controlplane.accounts import invitations, mail, services
from controlplane.accounts.errors import AccountsError, MemberNotFoundError
from controlplane.dashboard.pages import PageRequest, done, page
from tenants.models import Tenant
from tenants.quotas import QuotaExceededError
from tenants.roles import PERMISSIONS_OF, ROLES, Role, permits


@page("members:read", write="members:write")
def members(request: PageRequest, tenant: str) -> HttpResponse:
    """POST does what its button says: invite, withdraw, change a role, remove."""
    invitation: invitations.NewInvitation | None = None
    if request.method == "POST":
        try:
            if "invite" in request.POST:
                invitation = _invite(request, tenant)
            else:
                return _change(request, tenant)
        except MemberNotFoundError as error:
            raise Http404 from error
        except (AccountsError, QuotaExceededError) as error:
            messages.error(request, str(error))
            return redirect("members", tenant=tenant)
    principal = request.principal
    context = {
        "tenant": tenant,
        "rows": services.members(),
        "invitations": invitations.open_invitations() if permits(principal, "members:write") else [],
        "made": invitation,
        "roles": ROLES,
        "may_give": [role for role in ROLES if PERMISSIONS_OF[role] <= principal.scopes],
        "may_write": permits(principal, "members:write"),
        "me": principal.subject,
        "mail": mail.is_possible(),
    }
    return render(request, "people/members.html", context)


@page("members:read", write="members:read")
def leave(request: PageRequest, tenant: str) -> HttpResponse:
    """GET asks, POST leaves."""
    if request.method == "POST":
        try:
            services.leave(acting=request.principal)
        except AccountsError as error:
            messages.error(request, str(error))
            return redirect("members", tenant=tenant)
        return done(request, f"You left {tenant}.", "home")
    context = {
        "tenant": tenant,
        "form": None,
        "title": f"Leave {Tenant.objects.values_list('name', flat=True).get()}?",
        "text": "Your logins, personal keys and connections there end. To come back you need a new invitation.",
        "button": "Leave",
    }
    return render(request, "people/form.html", context)


def _invite(request: PageRequest, tenant: str) -> invitations.NewInvitation:
    email = request.POST.get("email", "")
    role = cast("Role", request.POST.get("role", ""))
    made = invitations.invite(tenant, role, email=email, acting=request.principal)
    if email and mail.is_possible():
        messages.success(request, f"{made.invitation.email} gets the link by mail.")
    return made


def _change(request: PageRequest, tenant: str) -> HttpResponse:
    acting, form = request.principal, request.POST
    if "withdraw" in form:
        invitations.withdraw(form["withdraw"], acting=acting)
        return done(request, "The invitation is withdrawn.", "members", tenant=tenant)
    if "remove" in form:
        services.remove_member(form["remove"], acting=acting)
        return done(request, "Removed from the tenant.", "members", tenant=tenant)
    services.change_role(form.get("member", ""), cast("Role", form.get("role", "")), acting=acting)
    return done(request, "The role is changed.", "members", tenant=tenant)
