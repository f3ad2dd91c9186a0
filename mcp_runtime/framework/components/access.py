"""Who may see and use one component: `@mcp.tool(auth=require_scopes("admin"))`. What is refused is absent."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.tokens import AccessToken
    from mcp_runtime.framework.components.base import Component

__all__ = (
    "AuthCheck",
    "AuthContext",
    "checked_auth",
    "passes",
    "permitted",
    "require_roles",
    "require_scopes",
    "restrict_tag",
)


@dataclass(frozen=True, slots=True)
class AuthContext:
    """What a check is given: who calls, None for nobody known, and the component in question."""

    token: AccessToken | None
    component: Component


AuthCheck = Callable[[AuthContext], "bool | Awaitable[bool]"]


def require_scopes(*scopes: str) -> AuthCheck:
    """The caller holds all of these scopes."""
    wanted = _names(scopes, "require_scopes")

    def check(context: AuthContext) -> bool:
        return context.token is not None and wanted <= set(context.token.scopes)

    return check


def require_roles(*roles: str, extract: Callable[[Mapping[str, Any]], Iterable[str]] | None = None) -> AuthCheck:
    """The caller has all of these roles; `extract` reads them from the token's claims, else the claim `roles` is."""
    wanted = _names(roles, "require_roles")

    def check(context: AuthContext) -> bool:
        if context.token is None:
            return False
        claims = context.token.claims
        held = claims.get("roles", ()) if extract is None else extract(claims)
        return wanted <= ({held} if isinstance(held, str) else set(held))

    return check


def restrict_tag(tag: str, *, scopes: Iterable[str]) -> AuthCheck:
    """Components with this tag are for callers who hold all of the scopes; others are for everybody."""
    has_scopes = require_scopes(*scopes)

    def check(context: AuthContext) -> bool | Awaitable[bool]:
        return tag not in context.component.tags or has_scopes(context)

    return check


def checked_auth(auth: AuthCheck | Iterable[AuthCheck] | None) -> tuple[AuthCheck, ...]:
    """The checks of one component. Raises TypeError for what is none."""
    if auth is None:
        return ()
    checks = (auth,) if callable(auth) else tuple(auth)
    for check in checks:
        if not callable(check):
            raise TypeError(f"auth= takes checks such as require_scopes('admin'), not {type(check).__name__}.")
    return checks


async def permitted(component: Component, token: AccessToken | None) -> bool:
    """Whether all of the component's checks let this caller pass."""
    return await passes(component.auth, AuthContext(token, component))


async def passes(checks: Iterable[AuthCheck], context: AuthContext) -> bool:
    """Whether all of the checks pass. One that fails refuses."""
    for check in checks:
        try:
            passed = check(context)
            if inspect.isawaitable(passed):
                passed = await passed
        except Exception:
            import logging

            log = logging.getLogger(__name__)
            log.exception("The auth= check of %r failed; the component is refused.", context.component)
            return False
        if passed is not True:
            return False
    return True


def _names(names: tuple[object, ...], function: str) -> frozenset[object]:
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"{function}() takes names, as in {function}('admin').")
    return frozenset(names)
