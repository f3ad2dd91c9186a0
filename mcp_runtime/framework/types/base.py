"""The base of every value that travels: light, keyword-built, readable under its Python and its wire names.

`TextContent(text="x", _meta={})`, `Icon(src="…", mimeType="image/png")` and `Icon(src="…", mime_type="image/png")`
all work, and so do `icon.mimeType` and `icon.mime_type`: authors write whichever their SDK's generation taught them.
Unknown members are kept and travel on, as the protocol asks (PROTOCOL M-01).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, dataclass_transform

__all__ = ("Model", "plain")

_MISSING = object()


@dataclass_transform(kw_only_default=True)
class Model:
    """A record declared by annotations, as a dataclass is; a field without a default is required."""

    _defaults: ClassVar[dict[str, Any]] = {}
    _required: ClassVar[tuple[str, ...]] = ()
    _wire_names: ClassVar[dict[str, str]] = {}
    _attributes: ClassVar[dict[str, str]] = {}
    _nested: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Fields whose plain values are turned into models: field name to converter."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._defaults = dict(cls._defaults)
        cls._wire_names = dict(cls._wire_names)
        for name, annotation in vars(cls).get("__annotations__", {}).items():
            if name.startswith("_") or "ClassVar" in str(annotation):
                continue
            cls._defaults[name] = vars(cls).get(name, _MISSING)
            cls._wire_names[name] = "_meta" if name == "meta" else _camel(name)
        cls._attributes = {wire: name for name, wire in cls._wire_names.items()}
        cls._required = tuple(name for name, default in cls._defaults.items() if default is _MISSING)

    def __init__(self, **values: Any) -> None:
        attributes, nested, state = self._attributes, self._nested, self.__dict__
        state.update(self._defaults)
        for key, value in values.items():
            name = attributes.get(key, key)
            state[name] = nested[name](value) if value is not None and name in nested else value
        for name in self._required:
            if state[name] is _MISSING:
                raise TypeError(f"{type(self).__name__} needs {name}=.")

    def __getattr__(self, name: str) -> Any:
        attribute = self._attributes.get(name)
        if attribute is None or attribute == name or attribute not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__[attribute]

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[self._attributes.get(name, name)] = value

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # equal by value and changeable, so not a key

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if value is not None)
        return f"{type(self).__name__}({shown})"

    def to_wire(self) -> dict[str, Any]:
        """The JSON object, with absent members left out."""
        names = self._wire_names
        return {names.get(name, name): plain(value) for name, value in self.__dict__.items() if value is not None}

    @classmethod
    def from_wire(cls, value: Mapping[str, Any] | Self) -> Self:
        """Read a JSON object; a ready instance passes through."""
        return value if isinstance(value, cls) else cls(**value)

    # The spellings of pydantic models, which authors' code calls on these values.

    def model_dump(self, *, mode: str = "python", by_alias: bool = False, exclude_none: bool = False) -> dict[str, Any]:
        """The members as a dictionary, under their Python names unless `by_alias`."""
        dumped: dict[str, Any] = {}
        for name, value in self.__dict__.items():
            if value is None and exclude_none:
                continue
            key = self._wire_names.get(name, name) if by_alias else name
            dumped[key] = _dump(value, by_alias=by_alias, exclude_none=exclude_none)
        return dumped

    def model_dump_json(self, *, by_alias: bool = False, exclude_none: bool = False, indent: int | None = None) -> str:
        """The same as JSON text."""
        import json

        separators = None if indent else (",", ":")
        dumped = self.model_dump(by_alias=by_alias, exclude_none=exclude_none)
        return json.dumps(dumped, indent=indent, separators=separators, ensure_ascii=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """A shallow copy with some members replaced."""
        return type(self)(**{**self.__dict__, **(update or {})})

    @classmethod
    def model_validate(cls, value: Any) -> Self:
        """Read an instance or a mapping."""
        if not isinstance(value, (cls, Mapping)):
            raise TypeError(f"{cls.__name__} is read from a mapping, not from {type(value).__name__}.")
        return cls.from_wire(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Lets authors use these values as fields, parameters and results of their own pydantic types."""
        from pydantic_core import core_schema

        def read(value: Any) -> Model:
            try:
                return cls.model_validate(value)
            except TypeError as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.dict_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.to_wire, return_schema=core_schema.dict_schema()
            ),
        )


def plain(value: Any) -> Any:
    """`value` with every model in it turned into its JSON object."""
    if isinstance(value, Model):
        return value.to_wire()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _dump(value: Any, *, by_alias: bool, exclude_none: bool) -> Any:
    if isinstance(value, Model):
        return value.model_dump(by_alias=by_alias, exclude_none=exclude_none)
    if isinstance(value, (list, tuple)):
        return [_dump(item, by_alias=by_alias, exclude_none=exclude_none) for item in value]
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
