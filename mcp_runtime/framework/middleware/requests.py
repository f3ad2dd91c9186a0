"""The four kinds of operations as messages through a chain, and their answers back in the framework's own types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.prompt import PromptResult
from mcp_runtime.framework.middleware.base import MiddlewareContext
from mcp_runtime.framework.middleware.chain import Chain
from mcp_runtime.framework.resource_contents import ResourceResult
from mcp_runtime.framework.types.requests import (
    CallToolRequestParams,
    GetPromptRequestParams,
    InitializeRequest,
    InitializeRequestParams,
    ListPromptsRequest,
    ListResourcesRequest,
    ListResourceTemplatesRequest,
    ListToolsRequest,
    Notification,
    ReadResourceRequestParams,
    Request,
)
from mcp_runtime.framework.types.results import GetPromptResult

if TYPE_CHECKING:
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.context import Context

__all__ = ("anything", "calling", "listing", "reading", "rendering")

_LISTS: dict[str, type[Request]] = {
    "tools/list": ListToolsRequest,
    "resources/list": ListResourcesRequest,
    "resources/templates/list": ListResourceTemplatesRequest,
    "prompts/list": ListPromptsRequest,
}


async def listing(
    chain: Chain, method: str, context: Context, answer: Callable[[], Awaitable[list[Any]]]
) -> Sequence[Any]:
    """A list request; the answer is a list of components."""

    async def final(_: MiddlewareContext[Any]) -> Any:
        return await answer()

    components: Sequence[Any] = await chain.run(
        MiddlewareContext(message=_LISTS[method](method=method), fastmcp_context=context, method=method), final
    )
    return components


async def calling(
    chain: Chain,
    name: str,
    arguments: Mapping[str, Any],
    context: Context,
    answer: Callable[[str, Mapping[str, Any]], Awaitable[ToolResult]],
) -> ToolResult:
    """`tools/call`; middleware may change the name and the arguments on the way."""

    async def final(seen: MiddlewareContext[Any]) -> Any:
        return await answer(seen.message.name, seen.message.arguments or {})

    message = CallToolRequestParams(name=name, arguments=dict(arguments))
    result: ToolResult = await chain.run(
        MiddlewareContext(message=message, fastmcp_context=context, method="tools/call"), final
    )
    return result


async def reading(
    chain: Chain, uri: str, context: Context, answer: Callable[[str], Awaitable[ResourceResult]]
) -> ResourceResult:
    """`resources/read`; middleware may change the URI on the way."""

    async def final(seen: MiddlewareContext[Any]) -> Any:
        return await answer(str(seen.message.uri))

    message = ReadResourceRequestParams(uri=uri)
    contents = await chain.run(
        MiddlewareContext(message=message, fastmcp_context=context, method="resources/read"), final
    )
    if isinstance(contents, ResourceResult):
        return contents
    return ResourceResult(list(getattr(contents, "contents", contents)))


async def rendering(
    chain: Chain,
    name: str,
    arguments: Mapping[str, Any],
    context: Context,
    answer: Callable[[str, Mapping[str, Any]], Awaitable[PromptResult]],
) -> PromptResult:
    """`prompts/get`; middleware may change the name and the arguments, and sees a GetPromptResult."""

    async def final(seen: MiddlewareContext[Any]) -> Any:
        result = await answer(seen.message.name, seen.message.arguments or {})
        if result.input_required is not None:
            return result  # a question to the client, and no messages yet
        return GetPromptResult(description=result.description, messages=list(result.messages), meta=result.meta)

    message = GetPromptRequestParams(name=name, arguments=dict(arguments))
    result: Any = await chain.run(
        MiddlewareContext(message=message, fastmcp_context=context, method="prompts/get"), final
    )
    if isinstance(result, PromptResult):
        return result
    return PromptResult(result.messages, description=result.description, meta=getattr(result, "meta", None))


async def anything(
    chain: Chain,
    method: str,
    params: dict[str, Any],
    context: Context,
    answer: Callable[[dict[str, Any]], Awaitable[Any]],
) -> Any:
    """Any other request, and every notification. `initialize` is an InitializeRequest."""
    notification = method.startswith("notifications/")
    message: Any
    if method == "initialize":
        message = InitializeRequest(params=InitializeRequestParams.from_wire(params))
    else:
        message = (Notification if notification else Request)(method=method, params=params)

    async def final(seen: MiddlewareContext[Any]) -> Any:
        given = seen.message.params
        return await answer(given if isinstance(given, dict) else params)

    return await chain.run(
        MiddlewareContext(
            message=message,
            fastmcp_context=context,
            method=method,
            type="notification" if notification else "request",
        ),
        final,
    )
