"""Changes to all that a server or provider offers (FASTMCP K-09; the later words for it, 2.2).

A transform of the author's own is a subclass of `Transform` that says what becomes of the lists; a call finds its
component in the list that the transforms made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.tool import Tool
from mcp_runtime.framework.components.versions import VersionSpec
from mcp_runtime.framework.composition.arguments import ArgTransform
from mcp_runtime.framework.composition.sources import Kind
from mcp_runtime.framework.composition.transformed import TransformedTool
from mcp_runtime.framework.composition.wrapped import wrapped

__all__ = (
    "ArgTransformConfig",
    "Namespace",
    "ToolTransform",
    "ToolTransformConfig",
    "Transform",
    "VersionFilter",
    "Visibility",
)


class Transform:
    """Override what concerns you of `list_tools` and the other three."""

    async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        return tools

    async def list_resources(self, resources: Sequence[Any]) -> Sequence[Any]:
        return resources

    async def list_resource_templates(self, templates: Sequence[Any]) -> Sequence[Any]:
        return templates

    async def list_prompts(self, prompts: Sequence[Any]) -> Sequence[Any]:
        return prompts

    async def applied(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        """What becomes of the list of one kind."""
        method = {
            "tools": self.list_tools,
            "resources": self.list_resources,
            "resourceTemplates": self.list_resource_templates,
            "prompts": self.list_prompts,
        }[kind]
        return await method(components)


class _Immediate(Transform):
    """A transform that waits for nothing. The same component becomes the same one every time."""

    def __init__(self) -> None:
        self._made: dict[Kind, dict[int, tuple[Component, Component | None]]] = {}

    def apply(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        before = self._made.get(kind, {})
        now: dict[int, tuple[Component, Component | None]] = {}
        for component in components:
            known = before.get(id(component))
            if known is None or known[0] is not component or not self.keeps(component):
                known = (component, self.changed(kind, component))
            now[id(component)] = known
        self._made[kind] = now
        return [made for _, made in now.values() if made is not None]

    def changed(self, kind: Kind, component: Any) -> Component | None:
        """What becomes of one component; None takes it out."""
        raise NotImplementedError

    def keeps(self, component: Any) -> bool:
        """Whether what was made of the component before still holds."""
        return True

    async def applied(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        return self.apply(kind, components)


class Namespace(_Immediate):
    """Names and URIs get a prefix, as under `mount(server, prefix=…)`."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def changed(self, kind: Kind, component: Any) -> Component | None:
        return wrapped(component, self.prefix)


class Visibility(_Immediate):
    """`Visibility(False, tags={"internal"})` takes out the components that match; without conditions, all of them."""

    def __init__(
        self,
        enabled: bool,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
    ) -> None:
        super().__init__()
        from mcp_runtime.framework.visibility import Visibility as Rules

        self._rules = Rules(None, None)
        self._rules.switch(enabled, names=names, keys=keys, tags=tags, components=components)

    def keeps(self, component: Any) -> bool:
        return False  # it may have been switched since

    def changed(self, kind: Kind, component: Any) -> Component | None:
        return component if self._rules.shows(component) else None


class VersionFilter(_Immediate):
    """Offers versions from `version_gte` on and below `version_lt`; of what is left, the highest of each component.

    What has no version stays, unless `include_unversioned` is false.
    """

    def __init__(
        self, *, version_gte: str | None = None, version_lt: str | None = None, include_unversioned: bool = True
    ) -> None:
        super().__init__()
        if version_gte is None and version_lt is None and include_unversioned:
            raise ValueError("VersionFilter() needs version_gte=, version_lt= or include_unversioned=False.")
        self._range = VersionSpec(gte=version_gte, lt=version_lt)
        self._unversioned = include_unversioned

    def passes(self, component: Component) -> bool:
        """Whether this version of a component is offered."""
        return self._unversioned if component.version is None else self._range.matches(component.version)

    def changed(self, kind: Kind, component: Any) -> Component | None:
        return component if self.passes(component) else None


class ToolTransform(_Immediate):
    """Tools changed one by one, by their names: `ToolTransform({"search": ToolTransformConfig(name="find")})`."""

    def __init__(self, transforms: Mapping[str, ToolTransformConfig | Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self._transforms: dict[str, ToolTransformConfig] = {}
        for name, transform in (transforms or {}).items():
            self.add(name, transform)

    def add(self, name: str, transform: ToolTransformConfig | Mapping[str, Any]) -> None:
        self._transforms[name] = ToolTransformConfig.read(transform)
        self._made.clear()

    def remove(self, name: str) -> None:
        """Raises KeyError."""
        del self._transforms[name]
        self._made.clear()

    def __len__(self) -> int:
        return len(self._transforms)

    def changed(self, kind: Kind, component: Any) -> Component | None:
        transform = self._transforms.get(component.name) if kind == "tools" else None
        return component if transform is None else transform.apply(component)


@dataclass(kw_only=True)
class ArgTransformConfig:
    """The part of an ArgTransform that a configuration file can write."""

    name: str | None = None
    description: str | None = None
    default: Any = None
    hide: bool = False
    required: bool | None = None
    examples: Any = None

    @classmethod
    def read(cls, value: ArgTransformConfig | ArgTransform | Mapping[str, Any]) -> ArgTransformConfig | ArgTransform:
        return value if isinstance(value, (ArgTransformConfig, ArgTransform)) else cls(**_known(cls, value))

    def to_arg_transform(self) -> ArgTransform:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return ArgTransform(**{name: value for name, value in given.items() if value is not None})


@dataclass(kw_only=True)
class ToolTransformConfig:
    """How one tool changes; what is not given stays."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    tags: Iterable[str] | None = None
    meta: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] | None = None
    enabled: bool = True
    version: str | None = None
    arguments: Mapping[str, ArgTransformConfig | ArgTransform | Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, value: ToolTransformConfig | Mapping[str, Any]) -> ToolTransformConfig:
        """Raises TypeError for members it does not have."""
        return value if isinstance(value, ToolTransformConfig) else cls(**_known(cls, value))

    def apply(self, tool: Tool) -> TransformedTool:
        """The changed tool."""
        changes = {
            name: getattr(self, name)
            for name in ("name", "title", "description", "tags", "meta", "annotations", "version")
            if getattr(self, name) is not None
        }
        arguments: dict[str, ArgTransform] = {}
        for name, given in self.arguments.items():
            change = ArgTransformConfig.read(given)
            arguments[name] = change if isinstance(change, ArgTransform) else change.to_arg_transform()
        return TransformedTool(tool, transform_args=arguments, enabled=self.enabled, **changes)


def _known(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    unknown = sorted(value.keys() - names)
    if unknown:
        raise TypeError(f"{kind.__name__} has no {unknown[0]!r}; it has {', '.join(sorted(names))}.")
    return dict(value)
