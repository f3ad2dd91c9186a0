"""Which components a server offers: its tag filters, and what was switched on or off (FASTMCP S-09, S-10, T-33)."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_runtime.framework.components.base import Component, now_switching
from mcp_runtime.framework.components.versions import VersionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("LAST", "Rule", "Visibility", "in_force", "make_rule", "names_in")

LAST = sys.maxsize
"""The moment of rules that count after every switch."""

_KINDS = {"tool": "tool", "resource": "resource", "template": "resource template", "prompt": "prompt"}


@dataclass(frozen=True, slots=True)
class Rule:
    """`mcp.enable(…)` or `mcp.disable(…)`, with what it applies to; None means any."""

    enabled: bool
    names: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    nouns: frozenset[str] | None = None
    version: VersionSpec | None = None
    at: int = 0

    def applies_to(self, component: Component) -> bool:
        """Whether `component` meets every condition."""
        return (
            (self.nouns is None or component.noun in self.nouns)
            and (self.names is None or component.name in self.names or component.key in self.names)
            and (self.keys is None or not self.keys.isdisjoint(_keys_of(component)))
            and (self.tags is None or not self.tags.isdisjoint(component.tags))
            and (self.version is None or self.version.matches(component.version))
        )


class Visibility:
    """Components are hidden by their tags, by their own switch or by a rule; of switches and rules the last counts."""

    def __init__(self, include_tags: set[str] | None, exclude_tags: set[str] | None) -> None:
        self.include_tags = include_tags
        self.exclude_tags = exclude_tags
        self.rules: list[Rule] = []
        self.versions: list[Callable[[Component], bool]] = []
        """What each says about a version of a component; all of them must let it pass."""

    def shows(self, component: Component) -> bool:
        """Exclusion beats inclusion; with an inclusion filter, an untagged component is hidden."""
        if self.exclude_tags and component.tags & self.exclude_tags:
            return False
        if self.include_tags is not None and not component.tags & self.include_tags:
            return False
        if self.versions and not all(passes(component) for passes in self.versions):
            return False
        rules = in_force.get()
        if not self.rules and not rules:
            return component.enabled
        enabled = component.enabled
        for rule in (*self.rules, *rules):
            if rule.at > component.switched and rule.applies_to(component):
                enabled = rule.enabled
        return enabled

    def switch(
        self,
        enabled: bool,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        version: VersionSpec | str | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
        only: bool = False,
    ) -> None:
        """Add a rule, for components there are and for those to come; with `only`, what it leaves out is hidden.

        Raises ValueError for an unknown kind in `components`, TypeError for a text where a set is meant.
        """
        rule = make_rule(
            enabled, names=names, keys=keys, version=version, tags=tags, components=components, at=now_switching()
        )
        everything = Rule(not enabled, at=rule.at)
        if only or rule == Rule(enabled, at=rule.at):
            self.rules.clear()  # nothing of what was said before counts any more
        if only:
            self.rules.append(everything)
        self.rules.append(rule)


in_force: contextvars.ContextVar[tuple[Rule, ...]] = contextvars.ContextVar("session_rules", default=())
"""The rules of the session whose request is being answered; see `session_visibility`."""


def make_rule(
    enabled: bool,
    *,
    at: int,
    names: Collection[str] | None = None,
    keys: Collection[str] | None = None,
    version: VersionSpec | str | None = None,
    tags: Collection[str] | None = None,
    components: Collection[str] | None = None,
) -> Rule:
    """A rule in an author's words. Raises ValueError for an unknown kind in `components`, TypeError for a text where a
    set is meant."""
    kinds = names_in(components, "components")
    if kinds is not None and (unknown := sorted(kinds - _KINDS.keys())):
        raise ValueError(f"components= names {unknown[0]!r}; the kinds are {', '.join(_KINDS)}.")
    return Rule(
        enabled,
        names=names_in(names, "names"),
        keys=names_in(keys, "keys"),
        tags=names_in(tags, "tags"),
        nouns=None if kinds is None else frozenset(_KINDS[kind] for kind in kinds),
        version=VersionSpec(eq=version) if isinstance(version, str) else version,
        at=at,
    )


def names_in(names: Iterable[str] | None, parameter: str) -> frozenset[str] | None:
    """The names as a set. Raises TypeError for a single text."""
    if isinstance(names, str):
        raise TypeError(f"{parameter}= is a set of names, not the single text {names!r}: write {{{names!r}}}.")
    return None if names is None else frozenset(names)


def _keys_of(component: Component) -> tuple[str, ...]:
    """`tool:add`, `tool:add@` and `tool:add@1.0`, beside the plain name or URI."""
    kind = "template" if component.noun == "resource template" else component.noun
    key = f"{kind}:{component.key}"
    return (component.key, key, f"{key}@{component.version or ''}")
