"""How the arguments of a transformed tool differ from those of the tool inside (FASTMCP K-09)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

from mcp_runtime.framework.components.base import Unset, UnsetType
from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.functions.schemas import Schema, tidy

__all__ = ("ArgTransform", "Mapped")

NotGiven = UnsetType | EllipsisType


@dataclass(kw_only=True)
class ArgTransform:
    """What changes of one argument; what is not given stays.

    `hide=True` keeps it from clients: the tool inside gets `default`, what `default_factory()` returns, or its own
    default. `required=True` takes the default away.
    """

    name: str | NotGiven = Unset
    description: str | NotGiven = Unset
    default: Any = Unset
    default_factory: Callable[[], Any] | NotGiven = Unset
    type: Any = Unset
    hide: bool = False
    required: bool | NotGiven = Unset
    examples: Any = Unset

    def __post_init__(self) -> None:
        for field in ("name", "description", "default", "default_factory", "type", "required", "examples"):
            if isinstance(getattr(self, field), EllipsisType):  # how older versions write "not given"
                setattr(self, field, Unset)
        if self.default is not Unset and self.default_factory is not Unset:
            raise ValueError("An ArgTransform has default= or default_factory=, not both.")
        if self.default_factory is not Unset and not self.hide:
            raise ValueError("default_factory= is for hidden arguments: a client cannot be told what it will return.")
        if self.required is False:
            raise ValueError("required=False means nothing by itself: give the argument a default=.")
        if self.required is True and (self.hide or self.default is not Unset):
            raise ValueError("An argument that is required is neither hidden nor has a default=.")
        if self.hide and (self.description is not Unset or self.examples is not Unset or self.type is not Unset):
            raise ValueError("A hidden argument is not described: give hide=True only name= and a default.")


class Mapped:
    """The arguments as clients see them, and the way back to those of the tool inside."""

    def __init__(self, schema: Schema, changes: Mapping[str, ArgTransform], *, tool: str) -> None:
        inside: dict[str, Any] = schema.get("properties") or {}
        unknown = sorted(changes.keys() - inside.keys())
        if unknown:
            raise ValueError(
                f"transform_args names {unknown[0]!r}; the tool {tool!r} has {', '.join(inside) or 'none'}."
            )
        required_inside = set(schema.get("required") or ())
        self._tool = tool
        self._inner_names: dict[str, str] = {}
        self._hidden: dict[str, ArgTransform] = {}
        self._defaults: dict[str, Any] = {}
        self._types: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        required: list[str] = []
        for inner, described in inside.items():
            change = changes.get(inner) or ArgTransform()
            if change.hide:
                if change.default is Unset and change.default_factory is Unset and inner in required_inside:
                    raise ValueError(f"The argument {inner!r} of {tool!r} is required: to hide it, give a default.")
                self._hidden[inner] = change
                continue
            outer = inner if isinstance(change.name, UnsetType) else str(change.name)
            if outer in properties:
                raise ValueError(f"Two arguments of {tool!r} would be called {outer!r}.")
            self._inner_names[outer] = inner
            properties[outer] = self._described(outer, described, change)
            if change.required is True or (inner in required_inside and change.default is Unset):
                required.append(outer)
                properties[outer].pop("default", None)
        self.schema: Schema = {
            **{key: value for key, value in schema.items() if key not in ("properties", "required")},
            "type": "object",
            "properties": properties,
        }
        if required:
            self.schema["required"] = required

    @property
    def names(self) -> list[str]:
        """The names clients use."""
        return list(self._inner_names)

    def inner(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the tool inside is called with. Raises ValidationError."""
        values: dict[str, Any] = {}
        for outer, value in given.items():
            inner = self._inner_names.get(outer)
            if inner is None:
                raise ValidationError(
                    f"The tool {self._tool!r} takes no {outer!r}; it takes {', '.join(self.names) or 'none'}."
                )
            values[inner] = self._typed(outer, value)
        for outer in self.schema.get("required", ()):
            if outer not in given:
                raise ValidationError(f"The tool {self._tool!r} needs {outer!r}.")
        for outer, default in self._defaults.items():
            values.setdefault(self._inner_names[outer], copy.deepcopy(default))
        for inner, change in self._hidden.items():
            if not isinstance(change.default_factory, (UnsetType, EllipsisType)):
                values[inner] = change.default_factory()
            elif change.default is not Unset:
                values[inner] = copy.deepcopy(change.default)
        return values

    def _described(self, outer: str, described: Any, change: ArgTransform) -> dict[str, Any]:
        schema: dict[str, Any] = dict(described) if isinstance(described, dict) else {}
        if change.type is not Unset:
            from pydantic import TypeAdapter

            adapter = self._types[outer] = TypeAdapter(change.type)
            kept: dict[str, Any] = {key: schema[key] for key in ("description", "default", "examples") if key in schema}
            schema = {**tidy(adapter.json_schema()), **kept}
        if change.description is not Unset:
            schema["description"] = change.description
        if change.default is not Unset:
            self._defaults[outer] = schema["default"] = change.default
        if change.examples is not Unset:
            schema["examples"] = change.examples if isinstance(change.examples, list) else [change.examples]
        return schema

    def _typed(self, outer: str, value: Any) -> Any:
        adapter = self._types.get(outer)
        if adapter is None:
            return value
        from pydantic import ValidationError as PydanticError

        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json")
        except PydanticError as error:
            raise ValidationError(f"The argument {outer!r} of {self._tool!r} does not fit: {error}") from error
