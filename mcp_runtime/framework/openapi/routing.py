"""Which operation becomes what: route maps, the first that matches counts (FASTMCP K-09)."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_runtime.framework.openapi.documents import HTTPRoute

__all__ = ("ComponentFn", "MCPType", "RouteMap", "RouteMapFn", "mcp_type_of", "names_for")

RouteMapFn = Callable[[HTTPRoute, "MCPType"], "MCPType | None"]
ComponentFn = Callable[[HTTPRoute, Any], Any]

LONGEST_NAME = 56


class MCPType(enum.Enum):
    """What an operation becomes."""

    TOOL = "TOOL"
    RESOURCE = "RESOURCE"
    RESOURCE_TEMPLATE = "RESOURCE_TEMPLATE"
    EXCLUDE = "EXCLUDE"


@dataclass(kw_only=True)
class RouteMap:
    """Operations with one of the methods, a path that `pattern` is found in, and all of the tags."""

    methods: Sequence[str] | Literal["*"] = "*"
    pattern: re.Pattern[str] | str = r".*"
    tags: set[str] = field(default_factory=set)
    mcp_type: MCPType = MCPType.TOOL
    mcp_tags: set[str] = field(default_factory=set)
    """Tags the component gets."""

    def __post_init__(self) -> None:
        if not isinstance(self.mcp_type, MCPType):
            raise TypeError(f"mcp_type= is an MCPType, as in MCPType.TOOL, not {self.mcp_type!r}.")

    def matches(self, route: HTTPRoute) -> bool:
        if self.methods != "*" and route.method not in {method.upper() for method in self.methods}:
            return False
        return re.search(self.pattern, route.path) is not None and set(self.tags) <= set(route.tags)


def mcp_type_of(
    route: HTTPRoute, route_maps: Sequence[RouteMap], route_map_fn: RouteMapFn | None
) -> tuple[MCPType, set[str]]:
    """What the operation becomes, a tool unless something else is said; and the tags it gets for that."""
    found = next((route_map for route_map in route_maps if route_map.matches(route)), None)
    kind, tags = (MCPType.TOOL, set[str]()) if found is None else (found.mcp_type, set(found.mcp_tags))
    if route_map_fn is not None:
        kind = route_map_fn(route, kind) or kind
        if not isinstance(kind, MCPType):
            raise TypeError(f"route_map_fn returns an MCPType or None, not {kind!r}.")
    return kind, tags


def names_for(routes: Sequence[HTTPRoute], mcp_names: dict[str, str]) -> list[str]:
    """The components' names: as `mcp_names` says, else of the operation id or what else there is; each once."""
    taken: dict[str, int] = {}
    names = []
    for route in routes:
        name = _name(route, mcp_names)
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return names


def _name(route: HTTPRoute, mcp_names: dict[str, str]) -> str:
    """Spelt as FastMCP spells it, for clients that know the tools by name."""
    given = route.operation_id
    if given is not None:
        chosen = mcp_names.get(given, given.partition("__")[0])  # frameworks append the path after two underscores
        return _slug(chosen) or _slug(given) or "operation"
    return _slug(route.summary or "") or _slug(f"{route.method}_{route.path}")


def _slug(text: str) -> str:
    words = re.sub(r"[\s.-]+", "_", text)
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "", words)).strip("_")[:LONGEST_NAME]
