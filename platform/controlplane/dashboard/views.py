"""The first page: which tenant?"""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from controlplane.accounts.models import User
from controlplane.accounts.services import lacks_second_factor
from tenants import lookups


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the servers for who belongs to one tenant; else a choice, and what stands in the way."""
    user = cast("User", request.user)
    places = [found for found in lookups.tenants_of_user(user.pk) if found.tenant.active]
    closed = [place for place in places if lacks_second_factor(user, place)]
    opened = [place for place in places if place not in closed]
    if len(places) == len(opened) == 1:
        return redirect("servers", tenant=opened[0].tenant.slug)
    return render(request, "dashboard/tenants.html", {"places": opened, "closed": closed})
