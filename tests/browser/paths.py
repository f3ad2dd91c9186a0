"""The pages of the demo, to be looked at."""

from __future__ import annotations

from controlplane.dashboard.navigation import NAVIGATION

MENU = [f"{entry.group}/" if entry.group != "servers" else "" for entry in NAVIGATION if entry.in_menu]
BELOW = [
    "servers/+/",
    "servers/+/remote/",
    "servers/+/login/",
    "servers/+/api/",
    "servers/+/static/",
    "programs/",
    "settings/security/",
    "servers/demo/",
    "endpoints/demo/",
    "endpoints/demo/connect/",
    "endpoints/demo/try/",
    "endpoints/demo/versions/1/",
]
OUTSIDE = ["account/", "account/sessions/", "account/second-factor/", "confirm/"]
PATHS = [*(f"tenants/demo/{path}" for path in (*MENU, *BELOW)), *OUTSIDE]
