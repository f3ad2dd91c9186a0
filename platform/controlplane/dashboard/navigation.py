"""Where one can go in a tenant: one table, for the menu and for the command palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from tenants.principal import Principal
from tenants.roles import permits


@dataclass(frozen=True, slots=True)
class Entry:
    url_name: str
    label: str
    permission: str
    """Who lacks it does not see the entry; the page itself asks again."""
    group: str
    """The first part of the addresses of its pages: they show that one is here."""
    in_menu: bool = True
    """Or in the palette only: it is reached from another page."""
    names: tuple[tuple[str, str], ...] = ()
    """What else its address needs."""


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
    Entry("add_server", "Add a server: Python", "servers:write", "servers", in_menu=False),
    Entry("add_elsewhere", "Add a server: runs elsewhere", "servers:write", "servers", False, (("kind", "remote"),)),
    Entry("add_elsewhere", "Add a server: OpenAPI document", "servers:write", "servers", False, (("kind", "api"),)),
    Entry("add_elsewhere", "Add a server: texts and prompts", "servers:write", "servers", False, (("kind", "static"),)),
    Entry("programs", "Programs that log in by OAuth", "keys:read", "keys", in_menu=False),
    Entry("security", "Signing and data keys, revoke everything", "tenant:write", "settings", in_menu=False),
    Entry("leave", "Leave this tenant", "members:read", "members", in_menu=False),
    Entry("delete_tenant", "Delete this tenant", "tenant:delete", "settings", in_menu=False),
)


_INSIDE: Final = {"revisions": "servers", "programs": "keys"}
"""Pages that are reached from another entry's."""


def links(tenant: str, principal: Principal, path: str, *, everywhere: bool = False) -> list[Link]:
    """What this person may open there, and which of it they are in; with `everywhere` also what no menu shows."""
    root = f"/tenants/{tenant}/"
    group = path.removeprefix(root).split("/", 1)[0] or "servers"
    group = _INSIDE.get(group, group)
    return [
        Link(
            entry.label,
            reverse(entry.url_name, kwargs={"tenant": tenant, **dict(entry.names)}),
            here=entry.group == group,
        )
        for entry in NAVIGATION
        if (entry.in_menu or everywhere) and permits(principal, entry.permission)
    ]
