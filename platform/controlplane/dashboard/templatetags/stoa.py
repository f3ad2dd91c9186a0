"""Template tags of the dashboard."""

from __future__ import annotations

from django import template

from controlplane.dashboard.assets import assets

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of a file in `dashboard/static`."""
    return assets()[name].url
