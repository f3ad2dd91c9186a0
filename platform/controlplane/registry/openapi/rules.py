"""What becomes of each operation: what is said of it alone, then the first rule that it fits, then a tool."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema_rs

from controlplane.registry.errors import InvalidSettings
from controlplane.registry.openapi.settings import ApiSettings, Becomes, Chosen, Rule
from mcp_runtime.framework.openapi.documents import HTTPRoute

_READING = frozenset({"GET", "HEAD"})


class Judge:
    """Raises InvalidSettings for a pattern that is none."""

    def __init__(self, settings: ApiSettings) -> None:
        self._chosen = settings.operations
        self._rules = [_matcher(rule) for rule in settings.rules]
        self._unused = set(settings.operations)

    def fate(self, route: HTTPRoute) -> Chosen:
        """With `becomes` decided."""
        keys = (route.operation_id, f"{route.method} {route.path}")
        chosen = next((self._chosen[key] for key in keys if key in self._chosen), Chosen())
        self._unused.difference_update(key for key in keys if key)
        becomes = chosen.becomes or next((becomes for fits, becomes in self._rules if fits(route)), "tool")
        return Chosen(becomes=becomes, name=chosen.name, description=chosen.description)

    def complain(self) -> None:
        """Raises InvalidSettings for an operation that is not there."""
        if self._unused:
            raise InvalidSettings(
                f"The document has no operation '{min(self._unused)[:200]}'."
                " An operation is named by its operationId, or as in 'GET /pets/{id}'."
            )


def _matcher(rule: Rule) -> tuple[Callable[[HTTPRoute], bool], Becomes]:
    methods = {method.upper() for method in rule.methods}
    tags = set(rule.tags)
    pattern = _pattern(rule.pattern) if rule.pattern else None

    def fits(route: HTTPRoute) -> bool:
        return (
            (not methods or route.method in methods)
            and (not tags or not tags.isdisjoint(route.tags))
            and (pattern is None or pattern.is_valid(route.path))
            and (rule.becomes != "resource" or route.method in _READING)
        )

    return fits, rule.becomes


def _pattern(pattern: str) -> jsonschema_rs.Validator:
    """The validator library's own engine (Rust's `regex`): it has no input that takes it more than linear time."""
    try:
        return jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError):
        raise InvalidSettings(
            f"'{pattern[:200]}' is not a usable regular expression: look-around and back-references are not supported."
        ) from None
