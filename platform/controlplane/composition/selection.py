"""Which of a server's components an endpoint takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

from controlplane.composition.document import MemberSpec, Rule
from controlplane.composition.errors import CompileError

Definition = Mapping[str, object]
_META_OF_TAGS = ("fastmcp", "_fastmcp")


def selector(member: MemberSpec, where: str) -> Callable[[Definition, str], bool]:
    """Says for a component, by its definition and the key that names it, whether the member contributes it.

    Raises CompileError for a pattern that is none.
    """
    includes, excludes = matcher(member.include, f"{where}.include"), matcher(member.exclude, f"{where}.exclude")
    everything = not member.include

    def wanted(definition: Definition, key: str) -> bool:
        names = {str(definition[key]), str(definition.get("name", definition[key]))}
        tags = tags_of(definition)
        return (everything or includes(names, tags)) and not excludes(names, tags)

    return wanted


def tags_of(definition: Definition) -> frozenset[str]:
    """The tags that a server's framework put beside a definition."""
    meta: Any = definition.get("_meta")
    for key in _META_OF_TAGS:
        more = meta.get(key) if isinstance(meta, dict) else None
        tags = more.get("tags") if isinstance(more, dict) else None
        if isinstance(tags, list):
            return frozenset(tag for tag in tags if isinstance(tag, str))
    return frozenset()


def matcher(rule: Rule, where: str) -> Callable[[Collection[str], frozenset[str]], bool]:
    """Says for names and tags whether the rule means them. Raises CompileError for a pattern that is none."""
    patterns = [_pattern(pattern, f"{where}.patterns[{index}]") for index, pattern in enumerate(rule.patterns)]
    names, tags = frozenset(rule.names), frozenset(rule.tags)

    def matches(found: Collection[str], tagged: frozenset[str]) -> bool:
        return (
            any(name in names for name in found)
            or not tags.isdisjoint(tagged)
            or any(pattern.is_valid(name) for pattern in patterns for name in found)
        )

    return matches


def _pattern(pattern: str, where: str) -> jsonschema_rs.Validator:
    try:
        return _compiled(pattern)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise CompileError(
            f"'{pattern[:200]}' is not a usable regular expression.",
            hint="Look-around and back-references are not supported: patterns must match in linear time. "
            f"{str(error).splitlines()[0][:200]}",
            where=where,
        ) from None


@lru_cache(1_000)
def _compiled(pattern: str) -> jsonschema_rs.Validator:
    """The validator library's own engine (Rust's `regex`): it has no input that takes it more than linear time."""
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return jsonschema_rs.validator_for(schema, pattern_options=jsonschema_rs.RegexOptions())
