"""One server of a configuration as its client sees it: prefixed, filtered by tags, its tools changed (CL-15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mcp_runtime.client.transports.base import Transport
from mcp_runtime.framework.composition.prefixes import prefixed_name, prefixed_uri, without_prefix
from mcp_runtime.protocol.errors import McpError

__all__ = ("View",)

Items = list[dict[str, Any]]

_MOST_PAGES = 250
_NAMED = {"tools/call": "name", "prompts/get": "name"}
_BY_URI = ("resources/read", "resources/subscribe", "resources/unsubscribe")
_EVERYWHERE = {
    "ping": ("ping", "server/discover"),
    "server/discover": ("server/discover", "ping"),
    "logging/setLevel": ("logging/setLevel",),
}
"""Requests that go to all servers, and what asks the same in the other era."""
_MISSING = (-32601,)


class View:
    """Turns what the client asks into what the server knows, and back."""

    def __init__(self, transport: Transport, prefix: str | None, entry: Mapping[str, Any]) -> None:
        self.transport = transport
        self._prefix = prefix
        self._include = _tags(entry.get("include_tags"))
        self._exclude = _tags(entry.get("exclude_tags"))
        self._changes: dict[str, Mapping[str, Any]] = dict(entry.get("tools") or {})
        self._original = {str(change.get("name") or name): name for name, change in self._changes.items()}
        self._known: dict[str, set[str]] = {}

    async def all_of(self, method: str, member: str) -> Items:
        """All of a list, under the names it has here; a server that has no such list has an empty one."""
        return [self._renamed(member, item) for item in await self._fetched(method, member)]

    async def _fetched(self, method: str, member: str) -> Items:
        found: Items = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            try:
                answer = await self.transport.request(method, {} if cursor is None else {"cursor": cursor})
            except McpError as error:
                if error.code in _MISSING:
                    break
                raise
            found += self._shown(member, answer.get(member) or [])
            cursor = answer.get("nextCursor")
            if cursor is None:
                break
        return found

    def listed(self, member: str, items: Sequence[dict[str, Any] | msgspec.Raw]) -> Items:
        """The items that are shown, under the names they have here."""
        return [self._renamed(member, item) for item in self._shown(member, items)]

    def _shown(self, member: str, items: Sequence[dict[str, Any] | msgspec.Raw]) -> Items:
        read = [msgspec.json.decode(item) if isinstance(item, msgspec.Raw) else item for item in items]
        shown = [item for item in read if self._visible(item)]
        if member == "tools":
            shown = [changed for item in shown if (changed := self._changed(item)) is not None]
        return shown

    async def inner(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """The parameters as the server knows them; None where they concern another server."""
        if method in _NAMED:
            name = self._inner_name(str(params.get("name", "")))
            if name is None or (method == "tools/call" and not await self._callable(name)):
                return None
            if method == "tools/call":
                name = self._original.get(name, name)
                return {**params, "name": name, "arguments": self._arguments(name, params.get("arguments") or {})}
            return {**params, "name": name}
        if method in _BY_URI:
            uri = without_prefix(self._prefix, str(params.get("uri", "")))
            return None if uri is None else {**params, "uri": uri}
        if method == "completion/complete":
            return self._inner_reference(params)
        return params

    def outer(self, method: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer under the names its parts have here."""
        if method != "resources/read" or self._prefix is None:
            return answer
        contents = [{**item, "uri": prefixed_uri(self._prefix, item["uri"])} for item in answer.get("contents") or []]
        return {**answer, "contents": contents}

    async def everywhere(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A request that goes to all servers, each in its own era."""
        for name in _EVERYWHERE[method]:
            try:
                return await self.transport.request(name, params)
            except McpError as error:
                if error.code not in _MISSING:
                    raise
        return {}

    async def _callable(self, name: str) -> bool:
        """Whether the tool may be called: what a tag hides, or a change switches off or renames, may not."""
        if name in self._changes and name not in self._original:
            return False  # it has another name here
        change = self._changes.get(self._original.get(name, name), {})
        if change.get("enabled") is False:
            return False
        if self._include is None and self._exclude is None:
            return True
        if "tools" not in self._known:
            self._known["tools"] = {item["name"] for item in await self._fetched("tools/list", "tools")}
        return name in self._known["tools"]

    def _inner_name(self, name: str) -> str | None:
        if self._prefix is None:
            return name
        return name[len(self._prefix) + 1 :] if name.startswith(f"{self._prefix}_") else None

    def _inner_reference(self, params: dict[str, Any]) -> dict[str, Any] | None:
        reference = dict(params.get("ref") or {})
        if "name" in reference:
            name = self._inner_name(str(reference["name"]))
            return None if name is None else {**params, "ref": {**reference, "name": name}}
        uri = without_prefix(self._prefix, str(reference.get("uri", "")))
        return None if uri is None else {**params, "ref": {**reference, "uri": uri}}

    def _visible(self, item: dict[str, Any]) -> bool:
        if self._include is None and self._exclude is None:
            return True
        meta = item.get("_meta") or {}
        own = meta.get("_fastmcp") or meta.get("fastmcp") or {}
        tags = set(own.get("tags") or ()) | _tags_of(self._changes.get(item.get("name", ""), {}))
        if self._exclude is not None and tags & self._exclude:
            return False
        return self._include is None or bool(tags & self._include)

    def _renamed(self, member: str, item: dict[str, Any]) -> dict[str, Any]:
        if self._prefix is None:
            return item
        renamed = {**item, "name": prefixed_name(self._prefix, item.get("name", ""))}
        for key in ("uri", "uriTemplate"):
            if key in item:
                renamed[key] = prefixed_uri(self._prefix, item[key])
        return renamed

    def _changed(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """A tool after its change; None where that switches it off."""
        change = self._changes.get(item.get("name", ""))
        if change is None:
            return item
        if change.get("enabled") is False:
            return None
        changed = {**item, **{key: change[key] for key in ("name", "title", "description") if change.get(key)}}
        arguments = change.get("arguments") or {}
        schema = dict(item.get("inputSchema") or {})
        properties: dict[str, Any] = {}
        required = list(schema.get("required") or [])
        for name, described in (schema.get("properties") or {}).items():
            argument = arguments.get(name) or {}
            if argument.get("hide"):
                required = [other for other in required if other != name]
                continue
            here = argument.get("name") or name
            told = {key: argument[key] for key in ("description", "default") if argument.get(key) is not None}
            properties[here] = {**described, **told}
            required = [
                here if other == name else other for other in required if other != name or "default" not in told
            ]
        schema["properties"] = properties
        if required or "required" in schema:
            schema["required"] = required
        changed["inputSchema"] = schema
        return changed

    def _arguments(self, tool: str, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments under the names the server knows, with what is fixed or left out filled in."""
        arguments = (self._changes.get(tool) or {}).get("arguments") or {}
        names = {argument.get("name") or name: name for name, argument in arguments.items()}
        hidden = {name for name, argument in arguments.items() if argument.get("hide")}
        found = {names.get(name, name): value for name, value in given.items() if names.get(name, name) not in hidden}
        for name, argument in arguments.items():
            if name not in found and argument.get("default") is not None:
                found[name] = argument["default"]
        return found


def _tags(tags: Any) -> set[str] | None:
    return None if tags is None else set(tags)


def _tags_of(change: Mapping[str, Any]) -> set[str]:
    return set(change.get("tags") or ())
