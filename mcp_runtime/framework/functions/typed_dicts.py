"""`typing.TypedDict` before Python 3.12, which pydantic refuses: rebuilt as the kind it takes (FASTMCP T-13)."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

__all__ = ("readable",)


def readable(annotation: Any) -> Any:
    """`annotation` with every such TypedDict in it rebuilt, inside lists, unions and the like too."""
    if sys.version_info >= (3, 12):
        return annotation
    if typing.is_typeddict(annotation) and type(annotation).__module__ == "typing":
        return _rebuilt(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if not arguments or origin is typing.Literal:
        return annotation
    replaced = tuple(readable(argument) for argument in arguments)
    if all(new is old for new, old in zip(replaced, arguments, strict=True)):
        return annotation
    if origin is types.UnionType or origin is typing.Union:
        return typing.Union[replaced]  # noqa: UP007 - there is no other way to say it of a tuple
    if origin is typing.Annotated:
        return typing.Annotated[(replaced[0], *annotation.__metadata__)]
    return origin[replaced]


def _rebuilt(kind: Any) -> Any:
    known = _known.get(kind)
    if known is None:
        from typing import NotRequired, Required

        from typing_extensions import TypedDict

        fields: dict[str, Any] = {}
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            marked = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
            wrapper: Any = Required if name in kind.__required_keys__ else NotRequired
            fields[name] = wrapper[readable(typing.get_args(hint)[0] if marked else hint)]
        make: Any = TypedDict  # mypy knows it with literal fields only
        known = make(kind.__name__, fields)
        known.__doc__ = kind.__doc__
        _known[kind] = known
    return known


_known: dict[Any, Any] = {}
