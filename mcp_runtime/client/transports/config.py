"""Several servers as one, by a configuration as desktop clients write it (FASTMCP CL-15).

    {"mcpServers": {"weather": {"url": "https://weather.example.com/mcp"},
                    "assistant": {"command": "python", "args": ["assistant.py"]}}}

A single server keeps its names. Of several, tools and prompts are called `<server>_<name>` and resources
`<scheme>://<server>/<path>`; each is spoken to in its own era.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Self

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.transports.base import Transport
from mcp_runtime.client.transports.views import View
from mcp_runtime.framework.types import Implementation, InitializeResult
from mcp_runtime.protocol.errors import MethodNotFound, UnknownPrompt, UnknownResource, UnknownTool

__all__ = ("MCPConfigTransport",)

_LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


class MCPConfigTransport:
    """`name_as_prefix=False` leaves the names of several servers as they are; the first that has a name answers."""

    def __init__(self, config: Any, name_as_prefix: bool = True, *, mode: str = "auto") -> None:
        self.config = _servers(config)
        self._name_as_prefix = name_as_prefix
        self._mode = mode
        prefixed = name_as_prefix and len(self.config) > 1
        self._views = [
            View(_transport(name, entry, mode), name if prefixed else None, entry)
            for name, entry in self.config.items()
        ]
        self._names = list(self.config)

    def __repr__(self) -> str:
        return f"<MCPConfigTransport to {', '.join(self._names)}>"

    def fresh(self) -> Self:
        return type(self)(self.config, self._name_as_prefix, mode=self._mode)

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        opened: list[View] = []
        try:
            for view in self._views:
                await view.transport.open(handlers, client_info)
                opened.append(view)
        except BaseException:
            for view in opened:
                await view.transport.close()
            raise

    async def introduce(self) -> InitializeResult:
        results = await _together([view.transport.introduce() for view in self._views])
        if len(results) == 1:
            return results[0]
        capabilities: dict[str, Any] = {}
        for result in results:
            for name, details in result.capabilities.items():
                capabilities.setdefault(name, details)
        return InitializeResult(
            protocol_version=min(result.protocol_version for result in results),
            capabilities=capabilities,
            server_info=Implementation(name=", ".join(self._names), version="1"),
            instructions="\n\n".join(result.instructions for result in results if result.instructions) or None,
        )

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        member = _LISTS.get(method)
        if member is not None:
            return await self._list(method, member, params)
        if method in ("ping", "server/discover", "logging/setLevel"):
            answers = await _together([view.everywhere(method, params) for view in self._views])
            return answers[0]
        for view in self._views:
            inner = await view.inner(method, params)
            if inner is not None:
                return view.outer(method, await view.transport.request(method, inner, progress=progress))
        raise _unknown(method, params)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        await _together([view.transport.notify(method, params) for view in self._views])

    async def close(self) -> None:
        await asyncio.gather(*(view.transport.close() for view in self._views), return_exceptions=True)

    async def disconnect(self) -> None:
        """End the child processes, which otherwise live as long as they are told to."""
        ends = [getattr(view.transport, "disconnect", None) for view in self._views]
        await asyncio.gather(*(end() for end in ends if end is not None), return_exceptions=True)

    async def _list(self, method: str, member: str, params: dict[str, Any]) -> dict[str, Any]:
        if len(self._views) == 1:
            answer = await self._views[0].transport.request(method, params)
            return {**answer, member: self._views[0].listed(member, answer.get(member) or [])}
        pages = await _together([view.all_of(method, member) for view in self._views])
        return {member: [item for page in pages for item in page]}


async def _together(work: list[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*work))


def _servers(config: Any) -> dict[str, dict[str, Any]]:
    """The servers by name. Raises ValueError."""
    servers = getattr(config, "mcpServers", None)
    if servers is None and isinstance(config, Mapping):
        servers = config.get("mcpServers", config)
    if not isinstance(servers, Mapping) or not servers:
        raise ValueError('The configuration names no servers: write {"mcpServers": {"name": {"url": "https://…"}}}.')
    return {str(name): _entry(str(name), entry) for name, entry in servers.items()}


def _entry(name: str, entry: Any) -> dict[str, Any]:
    if hasattr(entry, "model_dump"):
        entry = entry.model_dump(exclude_none=True)
    if not isinstance(entry, Mapping) or not (entry.get("url") or entry.get("command")):
        raise ValueError(f"The configuration of the server {name!r} has neither a url nor a command.")
    return dict(entry)


def _transport(name: str, entry: dict[str, Any], mode: str) -> Transport:
    if entry.get("url"):
        kind = entry.get("transport") or entry.get("type")
        if kind not in (None, "http", "streamable-http", "streamable_http", "sse"):
            raise ValueError(f"The server {name!r} has the transport {kind!r}; http and sse go with a url.")
        from mcp_runtime.client.transports.infer import http_transport

        address, headers = str(entry["url"]), entry.get("headers")
        return http_transport(
            address, headers=headers, auth=entry.get("auth"), mode=mode, sse=None if kind is None else kind == "sse"
        )
    from mcp_runtime.client.transports.stdio import StdioTransport

    return StdioTransport(
        entry["command"],
        entry.get("args") or (),
        {key: str(value) for key, value in (entry.get("env") or {}).items()},
        entry.get("cwd"),
        entry.get("keep_alive"),
        mode=mode,
    )


def _unknown(method: str, params: dict[str, Any]) -> Exception:
    if method == "tools/call":
        return UnknownTool(str(params.get("name")))
    if method == "prompts/get":
        return UnknownPrompt(str(params.get("name")))
    if method == "resources/read":
        return UnknownResource(str(params.get("uri")))
    return MethodNotFound(method)
