"""Search mode: an endpoint that shows two tools in place of hundreds, one that searches them and one that calls.

The tools stay what they are. A call by way of `call_tool` is judged, limited and recorded as if it had been made by
name; a search finds what its caller would have been shown, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.framework.ranking import Index, tool_text
from mcp_runtime.ports.plans import Component
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidParams
from mcp_runtime.protocol.messages import Text, ToolResult

SEARCH: Final = "search_tools"
CALL: Final = "call_tool"
MOST: Final = 20
USUAL: Final = 5
MAX_QUERY: Final = 1_000

_SEARCH: dict[str, object] = {
    "name": SEARCH,
    "title": "Search tools",
    "description": "Find tools of this server by what they do, in plain words. Each is answered with its name, "
    f"description and input schema, the best match first; {CALL} calls it.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "maxLength": MAX_QUERY, "description": "What the tool should do."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        },
        "required": ["query"],
    },
    "annotations": {"readOnlyHint": True},
}
_CALL: dict[str, object] = {
    "name": CALL,
    "title": "Call a tool",
    "description": f"Call a tool that {SEARCH} found, with the arguments that its input schema asks for.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The tool's name."},
            "arguments": {"type": "object", "description": "Its arguments."},
        },
        "required": ["name"],
    },
}
SHOWN: Final = (Component(_SEARCH, 0, SEARCH), Component(_CALL, 0, CALL))
"""What is listed."""


class Search:
    """The tools behind one published version, indexed by their texts."""

    def __init__(self, tools: Sequence[Component], varying: Mapping[int, Upstream]) -> None:
        """`varying` are the members that show each caller another part of theirs."""
        self.varying = varying
        self._tools = tools
        self._index = Index([_text(one.definition) for one in tools], [_name(one.definition) for one in tools])
        self._allowed: Callable[[str], bool] | None = None

    def part(self, allowed: Callable[[str], bool]) -> Search:
        """The same for callers who may use some of the tools only. The index is shared."""
        part = Search.__new__(Search)
        part.varying, part._tools, part._index, part._allowed = self.varying, self._tools, self._index, allowed
        return part

    def find(self, arguments: Mapping[str, object], seen: Mapping[int, Collection[str]]) -> ToolResult:
        """What a search answers. `seen` names what this caller sees of the members that vary. Raises InvalidParams."""
        query, limit = arguments.get("query"), arguments.get("limit", USUAL)
        if not isinstance(query, str) or len(query) > MAX_QUERY:
            raise InvalidParams(f"{SEARCH} takes a query, a text of at most {MAX_QUERY} characters.")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidParams(f"{SEARCH} takes a limit from 1 to {MOST}.")
        found: list[dict[str, Any]] = []
        for number in self._index.find(query):
            one = self._tools[number]
            if self._is_shown(one, seen):
                found.append({key: one.definition[key] for key in _ANSWERED if key in one.definition})
                if len(found) == limit:
                    break
        answer = codec.write({"tools": found})
        return ToolResult(content=[Text(text=answer.decode())], structured_content=msgspec.Raw(answer))

    def _is_shown(self, tool: Component, seen: Mapping[int, Collection[str]]) -> bool:
        if self._allowed is not None and not self._allowed(str(tool.definition["name"])):
            return False
        return tool.member not in seen or tool.upstream_name in seen[tool.member]


_ANSWERED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


def wrapped(params: Mapping[str, object]) -> dict[str, object]:
    """The parameters of the call that a call of `call_tool` stands for. Raises InvalidParams."""
    outer = params.get("arguments")
    name = outer.get("name") if isinstance(outer, Mapping) else None
    arguments = outer.get("arguments") if isinstance(outer, Mapping) else None
    if not isinstance(name, str) or name in (SEARCH, CALL):
        raise InvalidParams(f"{CALL} takes the name of a tool that {SEARCH} found, and its arguments.")
    if arguments is not None and not isinstance(arguments, dict):
        raise InvalidParams(f"The arguments that {CALL} takes for {name!r} must be an object.")
    return {**params, "name": name, "arguments": arguments or {}}


def unknown(name: str) -> ToolResult:
    """For the model that named it, which can search for another."""
    text = f"There is no tool {name!r} here. Search with {SEARCH}, and call what it finds."
    return ToolResult(content=[Text(text=text)], is_error=True)


def _name(definition: Mapping[str, object]) -> str:
    return f"{definition['name']} {definition.get('title') or ''}"


def _text(definition: Mapping[str, object]) -> str:
    schema = definition.get("inputSchema")
    return tool_text(
        str(definition["name"]),
        str(definition.get("title") or ""),
        str(definition.get("description") or ""),
        schema if isinstance(schema, Mapping) else {},
    )
