"""What a function declares: the parameters a client fills, and those it never sees (FASTMCP T-13, T-14, T-17)."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Collection
from typing import Any

from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.injection import Dependency, dependency_in, looks_injected
from mcp_runtime.framework.functions.typed_dicts import readable

__all__ = ("Signature", "callable_name", "unwrap_callable")


class Signature:
    """A function's parameters, split into visible and injected ones.

    Annotations are resolved when first needed, so they may name classes defined further down in the module.
    """

    def __init__(self, function: Callable[..., Any], *, noun: str, hidden: Collection[str] = ()) -> None:
        self.function = function
        self.noun = noun
        self.hidden = frozenset(hidden)
        self.is_async = _is_async(function)
        self.yields = inspect.isgeneratorfunction(function)
        self.yields_async = inspect.isasyncgenfunction(function)
        try:
            self._signature = inspect.signature(function)
        except ValueError as error:
            raise InvalidSignature(
                f"{function!r} has no signature Python can read; wrap it in a function of your own."
            ) from error
        self.takes_any_keyword = False
        self._check_kinds()
        self._check_hidden()
        self._locals = _caller_locals() if _has_string_annotations(function) else {}
        self._annotated = any(looks_injected(parameter.annotation) for parameter in self._signature.parameters.values())

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """Resolved annotations by parameter name, `return` among them."""
        target = _annotated_function(self.function)
        try:
            hints = typing.get_type_hints(target, localns=self._locals or None, include_extras=True)
        except NameError:
            hints = self._hints_one_by_one(target)
        return {name: readable(hint) for name, hint in hints.items()}

    def _hints_one_by_one(self, target: Any) -> dict[str, Any]:
        """Where a name is unknown: a result goes without its type, a Context is known by its name."""
        hints: dict[str, Any] = {}
        for name, annotation in target.__annotations__.items():
            lone = types.SimpleNamespace(__annotations__={name: annotation})
            try:
                hints |= typing.get_type_hints(
                    lone, globalns=getattr(target, "__globals__", {}), localns=self._locals, include_extras=True
                )
            except NameError as error:
                if _looks_like_context(annotation):
                    hints[name] = Context
                elif name != "return":
                    raise InvalidSignature(
                        f"The {self.noun} {callable_name(self.function)!r} has a parameter {name!r} of the type "
                        f"{annotation!r}, and its module does not define {error.name!r} when it runs. "
                        "Import it at run time, not under TYPE_CHECKING."
                    ) from error
        return hints

    @functools.cached_property
    def context_names(self) -> tuple[str, ...]:
        """The parameters that receive the Context."""
        return tuple(name for name in self._signature.parameters if _is_context(self.hints.get(name)))

    @functools.cached_property
    def dependencies(self) -> dict[str, Dependency]:
        """The parameters that are injected, by what injects them (FASTMCP C-01)."""
        found: dict[str, Dependency] = {}
        for name, parameter in self._signature.parameters.items():
            if isinstance(parameter.default, Dependency):
                found[name] = parameter.default
            elif self._annotated and (dependency := dependency_in(self.hints.get(name))) is not None:
                found[name] = dependency
        return found

    @functools.cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The parameters a client fills, with resolved annotations, none positional-only."""
        hidden = self.hidden.union(self.context_names, self.dependencies)
        return tuple(
            parameter.replace(
                annotation=self.hints.get(name, Any),
                kind=(
                    parameter.POSITIONAL_OR_KEYWORD if parameter.kind is parameter.POSITIONAL_ONLY else parameter.kind
                ),
            )
            for name, parameter in self._signature.parameters.items()
            if name not in hidden and parameter.kind is not parameter.VAR_KEYWORD
        )

    @functools.cached_property
    def returns(self) -> Any:
        """The resolved return annotation; `inspect.Signature.empty` when there is none."""
        return self.hints.get("return", inspect.Signature.empty)

    def plain_parameters(self) -> list[inspect.Parameter]:
        """The same parameters without resolving annotations, for checks at registration.

        A Context named by a string annotation is recognised by its name here, and so is a dependency.
        """
        return [
            parameter
            for name, parameter in self._signature.parameters.items()
            if name not in self.hidden
            and parameter.kind is not parameter.VAR_KEYWORD
            and not isinstance(parameter.default, Dependency)
            and not _looks_like_context(parameter.annotation)
            and not looks_injected(parameter.annotation)
        ]

    @property
    def names(self) -> Collection[str]:
        """The names of all parameters, of those a client never sees too."""
        return self._signature.parameters.keys()

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def bind(self, values: dict[str, Any], context: Context | None) -> Callable[[], Any]:
        """A call of the function with `values`, and the Context where it is asked for; see `calling` for the rest."""
        for name in self.context_names:
            values[name] = context
        leading: list[Any] = []
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is not parameter.POSITIONAL_ONLY or name not in values:
                break
            leading.append(values.pop(name))
        return functools.partial(self.function, *leading, **values)

    def _check_kinds(self) -> None:
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                raise InvalidSignature(f"Functions with *args are not supported as {self.noun}s.")
            if parameter.kind is parameter.VAR_KEYWORD:
                if self.noun != "resource":
                    raise InvalidSignature(f"Functions with **kwargs are not supported as {self.noun}s.")
                self.takes_any_keyword = True
        names = list(self._signature.parameters)
        owner = getattr(self.function, "__qualname__", "").rpartition(".")[0]
        if names[:1] == ["self"] and owner and not owner.endswith("<locals>"):
            raise InvalidSignature(
                f"{self.function.__qualname__} is a method without its object; "
                f"make the object first and register the bound method: mcp.{self.noun}(thing.method)."
            )

    def _check_hidden(self) -> None:
        for name in self.hidden:
            parameter = self._signature.parameters.get(name)
            if parameter is None:
                raise InvalidSignature(f"exclude_args names {name!r}, which is no parameter of the function.")
            if parameter.default is parameter.empty:
                raise InvalidSignature(f"exclude_args names {name!r}, which needs a default value.")


def unwrap_callable(function: Any, *, noun: str) -> Callable[..., Any]:
    """The callable behind what a decorator was given; refuses what cannot become a component."""
    if isinstance(function, staticmethod):
        return function.__func__
    if isinstance(function, classmethod):
        raise InvalidSignature(
            f"A classmethod cannot be decorated inside its class; register the bound method after the class: "
            f"mcp.{noun}(TheClass.method)."
        )
    if not callable(function):
        raise InvalidSignature(f"A {noun} is made from a function, not from {type(function).__name__}.")
    return typing.cast(Callable[..., Any], function)


def callable_name(function: Callable[..., Any]) -> str | None:
    """The name a function goes by; None for a lambda or a partial."""
    if isinstance(function, functools.partial):
        return None
    name = getattr(function, "__name__", None) or type(function).__name__
    return None if name == "<lambda>" else name


def _annotated_function(function: Callable[..., Any]) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    if hasattr(function, "__wrapped__"):
        return function.__wrapped__
    return type(function).__call__


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(_annotated_function(function))


def _has_string_annotations(function: Callable[..., Any]) -> bool:
    annotations = getattr(_annotated_function(function), "__annotations__", {})
    return any(isinstance(annotation, str) for annotation in annotations.values())


def _caller_locals() -> dict[str, Any]:
    """The names visible where the author's code registers the function, when that is not a module's top level."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("mcp_runtime.framework"):
        frame = frame.f_back
    if frame is None or frame.f_code.co_name == "<module>":
        return {}
    return frame.f_locals


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Context)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _is_context(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return any(_is_context(part) for part in typing.get_args(annotation))
    return False


def _looks_like_context(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return re.search(r"\bContext\b", annotation) is not None
    return _is_context(annotation)
