"""The page of programs that someone is logged in with, and the button that ends a login."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.audit.context import serving
from controlplane.issuer import logins as issuer
from controlplane.issuer.errors import GrantNotFoundError
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.roles import permits


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def logins(request: HttpRequest, tenant: str) -> HttpResponse:
    """One's own; everybody's for who manages members. POST ends the one that the button names."""
    user = request.user
    principal = principal_of(user, tenant) if isinstance(user, User) else None
    if principal is None:
        raise Http404
    if not permits(principal, "mcp:call"):
        raise PermissionDenied
    with acting_for(principal.tenant), serving(new_id("req")):
        if request.method == "POST":
            try:
                issuer.revoke_login(request.POST.get("login", ""), acting=principal)
            except GrantNotFoundError as error:
                raise Http404 from error
            return redirect("logins", tenant=tenant)
        rows = issuer.logins(acting=principal).select_related("client", "endpoint", "user")
        context = {"tenant": tenant, "rows": list(rows), "everyone": permits(principal, "members:write")}
        return render(request, "dashboard/logins.html", context)
