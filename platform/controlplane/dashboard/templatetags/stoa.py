"""Template tags of the dashboard."""

from __future__ import annotations

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from controlplane.accounts import proofs
from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.dashboard import navigation
from controlplane.dashboard.assets import assets
from controlplane.dashboard.people import confirming

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


@register.simple_tag(takes_context=True)
def confirm_address(context: RequestContext) -> str:
    """Where the person shows again who they are before they change something here; empty while they need not."""
    request = context.get("request")
    if not isinstance(request, HttpRequest) or proofs.is_fresh(request):
        return ""
    return confirming.address(request.get_full_path())
