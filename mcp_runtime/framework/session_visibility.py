"""What one session sees: `await ctx.enable_components(tags={"premium"})` (a later spelling; FASTMCP 2.2).

A session's rules are kept with its state (see `state`) and count after the server's own switches; tag filters and
`auth=` still hold. They are in force while a request of that session is answered.

Whether a server's code does this at all is read from its functions, so that a gateway knows before the first call
which lists differ by session, and servers without it pay nothing.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.versions import VersionSpec
from mcp_runtime.framework.visibility import LAST, Rule, in_force, make_rule

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.server import FastMCP

__all__ = ("EVERYTHING", "add_rule", "code_switches", "forget_rules", "rules_of")

EVERYTHING = (Rule(True, at=LAST),)
"""Rules under which all that could be switched on is."""

_KEY = "stoa:visibility"
_MOST_RULES = 100
_METHODS = frozenset({"enable_components", "disable_components", "reset_visibility"})


async def rules_of(context: Context) -> tuple[Rule, ...]:
    """What the request's session switched on and off before."""
    from mcp_runtime.framework.state import session_of

    session = session_of(context)
    kept = None if session is None else await session.get(_KEY)
    return tuple(_read(rule) for rule in kept or ())


async def add_rule(
    context: Context,
    enabled: bool,
    *,
    names: Collection[str] | None,
    keys: Collection[str] | None,
    version: VersionSpec | str | None,
    tags: Collection[str] | None,
    components: Collection[str] | None,
    match_all: bool,
) -> None:
    """Have one more rule count for this session. Raises ValueError for a rule without conditions."""
    if not match_all and not any((names, keys, version, tags, components)):
        raise ValueError("Say which components: names=, keys=, tags=, components= or version=; or match_all=True.")
    conditions: dict[str, Any] = {}
    if not match_all:
        spec = VersionSpec(eq=version) if isinstance(version, str) else version
        conditions = {
            "names": names,
            "keys": keys,
            "tags": tags,
            "components": components,
            "version": None if spec is None else {"gte": spec.gte, "lt": spec.lt, "eq": spec.eq},
        }
    written = {"enabled": enabled} | {
        name: value if isinstance(value, dict) else sorted(value) for name, value in conditions.items() if value
    }
    _read(written | {name: value for name, value in conditions.items() if isinstance(value, str)})  # says what is wrong
    await _save(context, written)
    _announce(context, components)


async def forget_rules(context: Context) -> None:
    """The session sees again what everybody does."""
    await _save(context, None)
    _announce(context, None)


async def _save(context: Context, rule: dict[str, Any] | None) -> None:
    from mcp_runtime.framework.state import session_of

    outermost = context.outermost
    # Where the code did not show that it does this, nobody ends the rules with the request: the next one has them.
    at_once = outermost.fastmcp.sessions_switch
    outermost.fastmcp.sessions_switch = True
    session = session_of(outermost)
    if session is None:
        raise RuntimeError(
            "What one session sees can be switched where there are sessions, or authenticated users; "
            "this request has neither."
        )
    if rule is None:
        await session.delete(_KEY)
        if at_once:
            in_force.set(())
        return
    rules = [*(await session.get(_KEY) or ()), rule]
    if len(rules) > _MOST_RULES:
        raise RuntimeError(f"A session has {_MOST_RULES} rules at most: call ctx.reset_visibility() first.")
    await session.set(_KEY, rules)
    if at_once:
        in_force.set(tuple(_read(one) for one in rules))


def _read(rule: Mapping[str, Any]) -> Rule:
    conditions = {name: value for name, value in rule.items() if name != "enabled"}
    version = conditions.pop("version", None)
    return make_rule(
        bool(rule["enabled"]), version=None if version is None else VersionSpec(**version), at=LAST, **conditions
    )


def _announce(context: Context, components: Collection[str] | None) -> None:
    from mcp_runtime.framework.announcing import announce

    kinds: dict[str, Any] = {
        "tool": "tools",
        "resource": "resources",
        "template": "resourceTemplates",
        "prompt": "prompts",
    }
    for kind in components or kinds:
        announce(kinds[kind])


def code_switches(server: FastMCP) -> bool:
    """Whether a function of the server's components or middleware names one of the methods."""
    looked_at: set[types.CodeType] = set()
    for catalogue in server._catalogues.values():
        for component in catalogue.everything().values():
            function = getattr(component, "fn", None)
            if function is not None and _names_them(function, looked_at):
                return True
    return any(
        _names_them(function, looked_at)
        for one in server.middleware
        for function in vars(type(one)).values()
        if isinstance(function, types.FunctionType)
    )


def _names_them(function: Any, looked_at: set[types.CodeType]) -> bool:
    """Looks into the functions it calls too, as far as they are of the same module."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function.__code__ in looked_at:
        return False
    for code in _codes(function.__code__):
        looked_at.add(code)
        if not _METHODS.isdisjoint(code.co_names):
            return True
        for name in code.co_names:
            called = function.__globals__.get(name)
            if getattr(called, "__module__", None) == function.__module__ and _names_them(called, looked_at):
                return True
    return False


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
