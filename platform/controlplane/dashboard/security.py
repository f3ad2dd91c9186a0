"""The page of what protects a tenant: its signing and data keys, and the end of everything after an incident."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.dashboard.people.confirming import proven
from controlplane.issuer import clients, logins, signing
from controlplane.keys import services as keys
from controlplane.vault import services as vault


@proven()
@page("tenant:write", write="tenant:write")
def security(request: PageRequest, tenant: str) -> HttpResponse:
    """POST does what its button says; to revoke takes the tenant's short name, typed."""
    if request.method != "POST":
        context = {"tenant": tenant, "signing": signing.published(acting=request.principal)}
        return render(request, "dashboard/security.html", context)
    match request.POST.get("do"):
        case "rotate signing key":
            signing.rotate(acting=request.principal)
            message = "A new signing key is published. It signs in ten minutes; no client notices."
        case "rotate data key":
            count = vault.rotate_data_key(acting=request.principal)
            message = f"A new data key: {count} values are sealed anew."
        case "revoke":
            if request.POST.get("confirmation", "") != tenant:
                messages.error(request, f"Nothing is revoked: type {tenant} to confirm.")
                return redirect("security", tenant=tenant)
            message = _revoke(request)
        case _:
            message = "Nothing was asked for."
    return done(request, message, "security", tenant=tenant)


def _revoke(request: PageRequest) -> str:
    """What was ticked, at once for the whole tenant; what that was."""
    acting, form = request.principal, request.POST
    ended = []
    if "logins" in form:
        ended.append(f"{logins.revoke_all(acting=acting)} logins")
    if "keys" in form:
        ended.append(f"{keys.revoke_all(acting=acting) + clients.remove_all_made(acting=acting)} keys and programs")
    if "signing_keys" in form:
        signing.rotate(acting=acting, at_once=True)
        ended.append("every token signed so far")
    return f"Ended: {', '.join(ended)}." if ended else "Nothing is revoked: tick what shall end."
