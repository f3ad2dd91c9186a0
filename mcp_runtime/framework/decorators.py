"""`tool`, `resource` and `prompt` without a server (a later spelling of FASTMCP T-02, R-01, P-01).

    @tool(tags={"math"})
    def add(a: int, b: int) -> int: ...

    mcp.add_tool(add)

The decorated name stays callable like the function and bears the component's attributes. On a method the decorator
waits for the object: `mcp.add_tool(calculator.add)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mcp_runtime.framework.components.base import Component, plain_function
from mcp_runtime.framework.components.prompt import FunctionPrompt
from mcp_runtime.framework.components.resource import FunctionResource, checked_uri
from mcp_runtime.framework.components.template import FunctionTemplate
from mcp_runtime.framework.components.tool import FunctionTool
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.options import meta_of, refuse_unknown_option

__all__ = ("prompt", "resource", "resource_from", "split_name", "tool")

Make = Callable[[Any], Component]


def tool(name_or_fn: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a tool: `@tool`, `@tool("name")`, `@tool(name=…)`; the options are those of `@mcp.tool`."""
    refuse_unknown_option("tool", options)
    options["meta"] = meta_of("tool", options.get("meta"), options)
    given, function = split_name(name_or_fn, name, "tool")
    return _decorator(function, lambda fn: FunctionTool(fn, name=given, **_switched(options)))


def resource(uri: str, **options: Any) -> Any:
    """Make a function a resource, or a template where the URI has `{parameters}`; the options of `@mcp.resource`."""
    refuse_unknown_option("resource", options)
    options["meta"] = meta_of("resource", options.get("meta"), options)
    check_uri(uri)
    return _decorator(None, lambda fn: resource_from(fn, uri, **_switched(options)))


def prompt(name_or_fn: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a prompt, in the forms of `tool`."""
    refuse_unknown_option("prompt", options)
    given, function = split_name(name_or_fn, name, "prompt")
    return _decorator(function, lambda fn: FunctionPrompt(fn, name=given, **_switched(options)))


def check_uri(uri: object) -> None:
    """Raises TypeError for a decorator without its URI, ValueError for one that is not absolute (FASTMCP R-01)."""
    if not isinstance(uri, str):
        raise TypeError('A resource needs its URI: write @mcp.resource("data://name"), not @mcp.resource.')
    checked_uri(uri)


def resource_from(fn: Any, uri: str, **options: Any) -> FunctionResource[..., Any] | FunctionTemplate[..., Any]:
    """A resource, or a template where the URI has parameters. Raises InvalidSignature where the function differs."""
    if "{" in uri or "}" in uri:
        return FunctionTemplate(fn, uri_template=uri, **options)
    parameters = Signature(plain_function(fn, noun="resource"), noun="resource").plain_parameters()
    if parameters:
        raise InvalidSignature(
            f"The function takes {', '.join(parameter.name for parameter in parameters)}, and the URI {uri!r} "
            "carries no parameters: write them in braces, as in 'data://{name}'."
        )
    options.pop("security", None)
    return FunctionResource(fn, uri=uri, **options)


def split_name(name_or_fn: Any, name: str | None, noun: str) -> tuple[str | None, Any]:
    """The name and the function out of a decorator's first argument (FASTMCP T-02)."""
    if isinstance(name_or_fn, str):
        if name is not None:
            raise TypeError(f"The {noun} has two names, {name_or_fn!r} and name={name!r}: give one.")
        return name_or_fn, None
    return name, name_or_fn


class _OfMethod:
    """A decorated method: the component is made when the method is looked up on an object."""

    def __init__(self, function: Callable[..., Any], make: Make) -> None:
        self._function = function
        self._make = make
        self.__doc__ = function.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return self._make(self._function.__get__(instance, owner))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


def _decorator(function: Any, make: Make) -> Any:
    def decorate(fn: Any) -> Any:
        return _OfMethod(fn, make) if _is_method(fn) else make(fn)

    return decorate if function is None else decorate(function)


def _is_method(function: Any) -> bool:
    """Whether it is being defined in a class and takes the object first."""
    if not inspect.isfunction(function):
        return False
    owner = function.__qualname__.rpartition(".")[0]
    first = next(iter(inspect.signature(function).parameters), None)
    return bool(owner) and not owner.endswith("<locals>") and first == "self"


def _switched(options: dict[str, Any]) -> dict[str, Any]:
    """`enabled=None` is what leaving it out means."""
    return {key: value is not False if key == "enabled" else value for key, value in options.items()}
