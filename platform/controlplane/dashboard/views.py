"""The first page: which tenant?"""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from controlplane.accounts.models import User
from tenants import lookups


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the servers for who belongs to one tenant; else a choice."""
    places = [found for found in lookups.tenants_of_user(cast("User", request.user).pk) if found.tenant.active]
    if len(places) == 1:
        return redirect("servers", tenant=places[0].tenant.slug)
    return render(request, "dashboard/tenants.html", {"places": places})
