"""The results of list requests and of completion, as clients receive them (PROTOCOL 2.2, 2.11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model
from mcp_runtime.framework.types.definitions import Prompt, Resource, ResourceTemplate, Tool

__all__ = (
    "CompleteResult",
    "Completion",
    "CompletionArgument",
    "CompletionContext",
    "ListPromptsResult",
    "ListResourceTemplatesResult",
    "ListResourcesResult",
    "ListToolsResult",
    "PromptReference",
    "ResourceTemplateReference",
)


def _each(kind: type[Model]) -> Callable[[Any], list[Any]]:
    return lambda values: [kind.from_wire(value) for value in values]


class _Page(Model):
    next_cursor: str | None = None
    meta: dict[str, Any] | None = None


class ListToolsResult(_Page):
    tools: list[Tool]

    _nested: ClassVar[Mapping[str, Any]] = {"tools": _each(Tool)}


class ListResourcesResult(_Page):
    resources: list[Resource]

    _nested: ClassVar[Mapping[str, Any]] = {"resources": _each(Resource)}


class ListResourceTemplatesResult(_Page):
    resource_templates: list[ResourceTemplate]

    _nested: ClassVar[Mapping[str, Any]] = {"resource_templates": _each(ResourceTemplate)}


class ListPromptsResult(_Page):
    prompts: list[Prompt]

    _nested: ClassVar[Mapping[str, Any]] = {"prompts": _each(Prompt)}


class PromptReference(Model):
    type: str = "ref/prompt"
    name: str


class ResourceTemplateReference(Model):
    type: str = "ref/resource"
    uri: str


class CompletionArgument(Model):
    """An argument, and what was typed of it so far."""

    name: str
    value: str


class CompletionContext(Model):
    """The arguments that have their values already."""

    arguments: dict[str, str] | None = None


class Completion(Model):
    """Values for an argument, at most 100 (PROTOCOL C-01)."""

    values: list[str]
    total: int | None = None
    has_more: bool | None = None


class CompleteResult(Model):
    completion: Completion
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"completion": Completion.from_wire}
