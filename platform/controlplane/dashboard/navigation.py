"""Where one can go in a tenant: one table. A page that belongs in the menu has a row here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from tenants.principal import Principal
from tenants.roles import permits


@dataclass(frozen=True, slots=True)
class Entry:
    url_name: str
    """A route that needs nothing but the tenant."""
    label: str
    permission: str
    """Who lacks it does not see the entry; the page itself asks again."""
    group: str
    """The first part of the addresses of its pages: they show that one is here."""


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    here: bool


NAVIGATION: Final = (
    Entry("overview", "Overview", "calls:read", "overview"),
    Entry("servers", "Servers", "servers:read", "servers"),
    Entry("endpoints", "Endpoints", "endpoints:read", "endpoints"),
    Entry("calls", "Calls", "calls:read", "calls"),
    Entry("connections", "Connections", "mcp:call", "connections"),
    Entry("keys", "API keys", "keys:read", "keys"),
    Entry("own_keys", "Your keys", "mcp:call", "your-keys"),
    Entry("tasks", "Tasks", "calls:read", "tasks"),
    Entry("logins", "Logins", "mcp:call", "logins"),
    Entry("members", "Members", "members:read", "members"),
    Entry("identity_providers", "Sign-in", "tenant:write", "identity-providers"),
    Entry("audit", "Audit record", "audit:read", "audit"),
    Entry("tenant_settings", "Settings", "members:read", "settings"),
)


_INSIDE: Final = {"revisions": "servers", "programs": "keys"}
"""Pages that are reached from another entry's."""


def links(tenant: str, principal: Principal, path: str) -> list[Link]:
    """What this person may open there, and which of it they are in."""
    root = f"/tenants/{tenant}/"
    group = path.removeprefix(root).split("/", 1)[0] or "servers"
    group = _INSIDE.get(group, group)
    return [
        Link(entry.label, reverse(entry.url_name, kwargs={"tenant": tenant}), entry.group == group)
        for entry in NAVIGATION
        if permits(principal, entry.permission)
    ]
