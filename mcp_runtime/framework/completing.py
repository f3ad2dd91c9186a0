"""Values for the arguments of prompts and resource templates, as somebody types them (PROTOCOL C-01).

    @mcp.completion
    async def complete(ref, argument, context):
        if ref.name == "poem" and argument.name == "theme":
            return [theme for theme in THEMES if theme.startswith(argument.value)]

One handler for a server: it gets the reference (`PromptReference` or `ResourceTemplateReference`), the argument (its
`name` and what was typed so far, `value`) and the `arguments` given before, if any. A list of texts, a `Completion` or
None are its answers. What it has no answer for, the handler of a mounted server may.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.functions.calling import invoke
from mcp_runtime.framework.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from mcp_runtime.protocol.errors import InvalidParams

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.server import FastMCP

__all__ = ("MAX_VALUES", "CompletionHandler", "checked_handler", "complete", "completes")

CompletionHandler = Callable[..., Any]
Reference = PromptReference | ResourceTemplateReference

MAX_VALUES = 100
"""More are left out, and the answer says that there are more."""


def checked_handler(handler: CompletionHandler) -> CompletionHandler:
    """Raises TypeError for what cannot be called."""
    if not callable(handler):
        raise TypeError(f"@mcp.completion is for a function of (ref, argument, context), not {handler!r}.")
    return handler


def completes(server: FastMCP) -> bool:
    """Whether the server, or one mounted in it, has a handler."""
    return server.completion_handler is not None or any(completes(child) for child, _ in _mounted(server))


async def complete(server: FastMCP, params: dict[str, Any], context: Context) -> dict[str, Any]:
    """The result of `completion/complete`. Raises InvalidParams, and what the handler raises."""
    reference, argument = _reference(params.get("ref")), _argument(params.get("argument"))
    given = params.get("context")
    arguments = given.get("arguments") if isinstance(given, dict) else None
    found = await _ask(
        server, reference, argument, CompletionContext(arguments=arguments) if isinstance(arguments, dict) else None
    )
    completion: dict[str, Any] = {"values": found.values[:MAX_VALUES]}
    more = len(found.values) > MAX_VALUES
    total = found.total if found.total is not None or not more else len(found.values)
    if total is not None:
        completion["total"] = total
    if more or found.has_more is not None:
        completion["hasMore"] = more or bool(found.has_more)
    return {"completion": completion}


async def _ask(
    server: FastMCP, reference: Reference, argument: CompletionArgument, given: CompletionContext | None
) -> Completion:
    if server.completion_handler is not None:
        handler = functools.partial(server.completion_handler, reference, argument, given)
        is_async = inspect.iscoroutinefunction(inspect.unwrap(server.completion_handler))
        answer = _read(await invoke(handler, is_async=is_async))
        if answer is not None:
            return answer
    for child, inner in _mounted(server):
        name = inner(reference)
        if name is not None and completes(child):
            return await _ask(child, name, argument, given)
    return Completion(values=[])


def _mounted(server: FastMCP) -> list[tuple[FastMCP, Callable[[Reference], Reference | None]]]:
    """The servers mounted here, the last one first, and what each calls a reference."""
    if not server._sources:
        return []
    from mcp_runtime.framework.composition.mounts import Mount

    def within(mount: Mount) -> Callable[[Reference], Reference | None]:
        def inner(reference: Reference) -> Reference | None:
            if isinstance(reference, PromptReference):
                name = mount.inner_name(reference.name)
                return None if name is None else PromptReference(name=name)
            uri = mount.inner_uri(reference.uri)
            return None if uri is None else ResourceTemplateReference(uri=uri)

        return inner

    return [(source.server, within(source)) for source in reversed(server._sources) if isinstance(source, Mount)]


def _read(answer: Any) -> Completion | None:
    if answer is None or isinstance(answer, Completion):
        return answer
    if isinstance(answer, (list, tuple)) and all(isinstance(value, str) for value in answer):
        return Completion(values=list(answer))
    raise TypeError(
        f"A completion handler returned {type(answer).__name__}: return a list of texts, a Completion, or None."
    )


def _reference(ref: Any) -> Reference:
    if isinstance(ref, dict):
        if ref.get("type") == "ref/prompt" and isinstance(ref.get("name"), str):
            return PromptReference(name=ref["name"])
        if ref.get("type") == "ref/resource" and isinstance(ref.get("uri"), str):
            return ResourceTemplateReference(uri=ref["uri"])
    raise InvalidParams('params.ref is {"type": "ref/prompt", "name": …} or {"type": "ref/resource", "uri": …}.')


def _argument(argument: Any) -> CompletionArgument:
    if isinstance(argument, dict):
        name, value = argument.get("name"), argument.get("value")
        if isinstance(name, str) and isinstance(value, str):
            return CompletionArgument(name=name, value=value)
    raise InvalidParams("params.argument must be an object with name and value, both strings.")
