"""Who may do what: one table. API keys and tokens name the same permissions as their scopes."""

from __future__ import annotations

from typing import Final, Literal, get_args

from tenants.principal import Principal

Role = Literal["owner", "admin", "developer", "operator", "viewer", "auditor"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_READ = frozenset({"servers:read", "endpoints:read", "calls:read", "members:read"})
_OPERATE = _READ | {"mcp:call", "endpoints:write", "keys:read"}
_DEVELOP = _OPERATE | {"servers:write", "secrets:read", "secrets:write", "keys:write"}
_ADMINISTER = _DEVELOP | {"members:write", "tenant:write", "audit:read"}

PERMISSIONS_OF: Final[dict[Role, frozenset[str]]] = {
    "owner": _ADMINISTER | {"tenant:delete"},  # everything
    "admin": _ADMINISTER,  # everything but the end of the tenant
    "developer": _DEVELOP,  # servers, their secrets, keys to call them
    "operator": _OPERATE,  # what runs, not what it is made of
    "viewer": _READ | {"mcp:call"},  # looks and calls
    "auditor": _READ | {"keys:read", "audit:read"},  # looks, also at the record; calls nothing
}

PERMISSIONS: Final = frozenset[str]().union(*PERMISSIONS_OF.values())
"""Every permission there is, and so every scope an API key can have."""


class NotPermittedError(Exception):
    """The caller is known and lacks a permission."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission!r}, which the caller's role or key does not give.")
        self.permission = permission


def permits(principal: Principal, permission: str) -> bool:
    """A principal's scopes say it all: those of a member come from the role, those of a key from the key."""
    return permission in principal.scopes


def require(acting: Principal | None, permission: str) -> None:
    """Raises NotPermittedError. None is the platform itself, which may."""
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} is no permission; tenants/roles.py has the table.")
    if acting is not None and not permits(acting, permission):
        raise NotPermittedError(permission)
