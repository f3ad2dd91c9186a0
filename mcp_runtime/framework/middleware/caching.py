"""Answers kept and given again (FASTMCP M-25).

- Answers are kept apart by who asks, so that nobody sees another's.
- Tools are cached if they say that they only read (`annotations={"readOnlyHint": True}`), or if `included_tools`
  names them: the call of any other may be made for its effect.
- A change of what the server offers, of the tool itself among it, makes what was kept count no more. Only what the
  caller may use at this moment is answered from the cache.
- Errors and answers above `max_item_size` bytes are not kept.

Lists are kept in this process, with their components; the rest in `cache_storage`.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from mcp_runtime.framework.functions.results import ToolResult, as_json
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.middleware.principals import principal_of
from mcp_runtime.framework.resource_contents import ResourceContent, ResourceResult
from mcp_runtime.framework.storage.memory import MemoryStore
from mcp_runtime.framework.types import GetPromptResult, content_from_wire, plain

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.storage.base import KeyValue

__all__ = (
    "CacheSettings",
    "CallToolSettings",
    "GetPromptSettings",
    "ListPromptsSettings",
    "ListResourcesSettings",
    "ListToolsSettings",
    "ReadResourceSettings",
    "ResponseCachingMiddleware",
)

MINUTES_5 = 300
HOUR = 3600
ONE_MB = 1024 * 1024
_MOST_LISTS = 1_000


class CacheSettings(TypedDict, total=False):
    """For one method: whether to cache, and for how many seconds."""

    enabled: bool
    ttl: float


class CallToolSettings(CacheSettings, total=False):
    """For tools also: which, and which not."""

    included_tools: Sequence[str]
    excluded_tools: Sequence[str]


ListToolsSettings = ListResourcesSettings = ListPromptsSettings = CacheSettings
ReadResourceSettings = GetPromptSettings = CacheSettings


class ResponseCachingMiddleware(Middleware):
    """Caches lists for 5 minutes and everything else for an hour, or all of it for `ttl` seconds."""

    only_looks_on = True

    def __init__(
        self,
        cache_storage: KeyValue | None = None,
        list_tools_settings: CacheSettings | None = None,
        list_resources_settings: CacheSettings | None = None,
        list_prompts_settings: CacheSettings | None = None,
        read_resource_settings: CacheSettings | None = None,
        get_prompt_settings: CacheSettings | None = None,
        call_tool_settings: CallToolSettings | None = None,
        max_item_size: int = ONE_MB,
        *,
        ttl: float | None = None,
    ) -> None:
        if ttl is not None and ttl <= 0:
            raise ValueError("ttl= is a number of seconds above zero.")
        self.max_item_size = max_item_size
        self._store: KeyValue = cache_storage if cache_storage is not None else MemoryStore()
        self._settings: dict[str, CallToolSettings] = {
            method: _complete(settings, ttl or usual)
            for method, settings, usual in (
                ("tools/list", list_tools_settings, MINUTES_5),
                ("resources/list", list_resources_settings, MINUTES_5),
                ("resources/templates/list", list_resources_settings, MINUTES_5),
                ("prompts/list", list_prompts_settings, MINUTES_5),
                ("resources/read", read_resource_settings, HOUR),
                ("prompts/get", get_prompt_settings, HOUR),
                ("tools/call", call_tool_settings, HOUR),
            )
        }
        self._changes: dict[str, int] = {}
        self._lists: OrderedDict[tuple[str, str], tuple[float, list[Any]]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def attached(self, server: Any) -> None:
        """Called when the middleware is added to a server: hear of its changes."""
        server.watch(self._changed)

    def statistics(self) -> dict[str, int]:
        """How often an answer was there, and how often not."""
        return {"hits": self.hits, "misses": self.misses}

    # Lists.

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        settings = self._settings[context.method or ""]
        if not settings["enabled"]:
            return await call_next(context)
        key = (str(context.method), principal_of(context))
        known = self._lists.get(key)
        if known is not None and known[0] > time.monotonic():
            self.hits += 1
            self._lists.move_to_end(key)
            return list(known[1])
        self.misses += 1
        components = list(await call_next(context))
        self._lists[key] = (time.monotonic() + settings["ttl"], components)
        while len(self._lists) > _MOST_LISTS:
            self._lists.popitem(last=False)
        return list(components)

    on_list_resources = on_list_resource_templates = on_list_prompts = on_list_tools

    # Answers.

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        settings = self._settings["tools/call"]
        tool = await self._usable(context, "tools", context.message.name)
        if tool is None or not _caches(settings, context.message.name, tool):
            return await call_next(context)
        asked = (context.message.name, context.message.arguments or {}, tool.definition())
        return await self._answered(context, call_next, "tools", asked, settings["ttl"], _TOOL)

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        settings = self._settings["resources/read"]
        uri = str(context.message.uri)
        if not settings["enabled"] or await self._usable(context, "resources", uri) is None:
            # A template's: whether there is one that the caller may use is found out by reading.
            return await call_next(context)
        return await self._answered(context, call_next, "resources", (uri,), settings["ttl"], _RESOURCE)

    async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        settings = self._settings["prompts/get"]
        prompt = await self._usable(context, "prompts", context.message.name)
        if not settings["enabled"] or prompt is None:
            return await call_next(context)
        asked = (context.message.name, context.message.arguments or {}, prompt.definition())
        return await self._answered(context, call_next, "prompts", asked, settings["ttl"], _PROMPT)

    async def _answered(
        self,
        context: MiddlewareContext[Any],
        call_next: CallNext[Any, Any],
        kind: str,
        asked: tuple[Any, ...],
        ttl: float,
        form: _Form,
    ) -> Any:
        key = self._key(context, kind, asked)
        found = await self._store.get(key, collection=str(context.method))
        if found is not None:
            self.hits += 1
            return form.read(found)
        self.misses += 1
        answer = await call_next(context)
        kept = None if getattr(answer, "input_required", None) is not None else form.write(answer)
        if kept is not None and len(as_json(kept).encode()) <= self.max_item_size:
            await self._store.put(key, kept, collection=str(context.method), ttl=ttl)
        return answer

    def _key(self, context: MiddlewareContext[Any], kind: str, asked: tuple[Any, ...]) -> str:
        server = context.fastmcp_context.fastmcp if context.fastmcp_context is not None else None
        parts = (
            principal_of(context),
            getattr(server, "name", ""),
            getattr(server, "version", ""),
            self._changes.get(kind, 0),
            *asked,
        )
        return hashlib.sha256(as_json(plain(list(parts))).encode()).hexdigest()

    async def _usable(self, context: MiddlewareContext[Any], kind: Kind, key: str) -> Any:
        if context.fastmcp_context is None:
            return None
        return await context.fastmcp_context.fastmcp.usable(kind, key, context.fastmcp_context)

    def _changed(self, kind: Kind) -> None:
        self._changes[kind] = self._changes.get(kind, 0) + 1
        self._lists.clear()


class _Form:
    """How the answers of one method are written for a store, and read back."""

    def write(self, answer: Any) -> dict[str, Any] | None:
        raise NotImplementedError

    def read(self, kept: Mapping[str, Any]) -> Any:
        raise NotImplementedError


class _ToolForm(_Form):
    def write(self, answer: Any) -> dict[str, Any] | None:
        if not isinstance(answer, ToolResult) or answer.is_error:
            return None
        kept: dict[str, Any] = {"content": plain(answer.content)}
        if answer.structured_content is not None:
            kept["structure"] = answer.structured_content
        if answer.meta is not None:
            kept["meta"] = answer.meta
        return kept

    def read(self, kept: Mapping[str, Any]) -> Any:
        content = [content_from_wire(block) for block in kept["content"]]
        return ToolResult(content, structured_content=kept.get("structure"), meta=kept.get("meta"))


class _ResourceForm(_Form):
    def write(self, answer: Any) -> dict[str, Any] | None:
        if not isinstance(answer, (list, tuple)):
            return None
        meta = getattr(answer, "meta", None)
        return {"contents": [self._part(part) for part in answer], **({} if meta is None else {"meta": meta})}

    def read(self, kept: Mapping[str, Any]) -> Any:
        parts = [
            ResourceContent(
                base64.b64decode(part["blob"]) if "blob" in part else part["text"], part.get("mime"), part.get("meta")
            )
            for part in kept["contents"]
        ]
        return ResourceResult(parts, meta=kept.get("meta"))

    @staticmethod
    def _part(part: ResourceContent) -> dict[str, Any]:
        kept: dict[str, Any] = {"mime": part.mime_type, "meta": part.meta}
        if isinstance(part.content, bytes):
            kept["blob"] = base64.b64encode(part.content).decode()
        else:
            kept["text"] = part.content
        return {key: value for key, value in kept.items() if value is not None}


class _PromptForm(_Form):
    def write(self, answer: Any) -> dict[str, Any] | None:
        return {
            "messages": plain(list(answer.messages)),
            "description": answer.description,
            "meta": plain(answer.meta),
        }

    def read(self, kept: Mapping[str, Any]) -> Any:
        return GetPromptResult.from_wire({key: value for key, value in kept.items() if value is not None})


_TOOL, _RESOURCE, _PROMPT = _ToolForm(), _ResourceForm(), _PromptForm()


def _complete(settings: Mapping[str, Any] | None, ttl: float) -> CallToolSettings:
    given = dict(settings or {})
    unknown = given.keys() - CallToolSettings.__annotations__.keys()
    if unknown:
        raise TypeError(f"Cache settings have no {min(unknown)!r}; they have enabled, ttl, included_tools, …")
    complete: Any = {"enabled": True, "ttl": ttl, **given}
    return complete  # type: ignore[no-any-return]  # checked above


def _caches(settings: CallToolSettings, name: str, tool: Any) -> bool:
    if not settings["enabled"] or name in settings.get("excluded_tools", ()):
        return False
    included = settings.get("included_tools")
    if included is not None:
        return name in included
    return tool.annotations is not None and bool(tool.annotations.read_only_hint)
