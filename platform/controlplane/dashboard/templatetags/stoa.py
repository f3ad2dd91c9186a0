"""Template tags of the dashboard."""

from __future__ import annotations

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.dashboard import navigation
from controlplane.dashboard.assets import assets

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of a file in `dashboard/static`."""
    return assets()[name].url


@register.simple_tag(takes_context=True)
def links(context: RequestContext) -> list[navigation.Link]:
    """Where the person may go in the tenant of the page; nowhere outside of one."""
    request, tenant = context.get("request"), context.get("tenant")
    if not isinstance(request, HttpRequest) or not isinstance(tenant, str) or not isinstance(request.user, User):
        return []
    principal = getattr(request, "principal", None) or principal_of(request.user, tenant)
    return [] if principal is None else navigation.links(tenant, principal, request.path)
