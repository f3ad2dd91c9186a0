"""Resources: data a client may read by URI (FASTMCP 1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic

from mcp_runtime.framework import types
from mcp_runtime.framework.components.base import Component, FunctionComponent, P, R, given_name, plain_function
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.calling import call_function
from mcp_runtime.framework.functions.docstrings import description_of
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.resource_contents import ResourceResult, contents_from, usual_mime_type
from mcp_runtime.framework.types import Annotations, plain

__all__ = ("FunctionResource", "Resource", "checked_uri")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)


class Resource(Component):
    """A resource with a fixed URI. Subclass it and write `read`, or make one from a function."""

    noun: ClassVar[str] = "resource"
    default_mime_type: ClassVar[str] = "text/plain"

    def __init__(
        self,
        *,
        uri: object,
        name: str | None = None,
        mime_type: str | None = None,
        annotations: Annotations | Mapping[str, Any] | None = None,
        size: int | None = None,
        **common: Any,
    ) -> None:
        self.uri = checked_uri(uri)
        super().__init__(name=name or self.uri, **common)
        self.mime_type = mime_type or usual_mime_type(self.uri, self.default_mime_type)
        self.annotations = None if annotations is None else Annotations.from_wire(annotations)
        self.size = size

    @property
    def key(self) -> str:
        return self.uri

    @classmethod
    def from_function(cls, fn: Callable[..., Any], uri: object, **options: Any) -> FunctionResource[..., Any]:
        """A resource made from a function, ready for `add_resource`; takes the options of `@mcp.resource`."""
        return FunctionResource(fn, uri=uri, **options)

    async def read(self) -> Any:
        """The contents: text, bytes, or anything JSON can write. Raise ResourceError for what clients should read."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it holds: give it an async read().")

    async def contents(self, context: Context) -> ResourceResult:
        """The contents inside a request."""
        return contents_from(await self.read(), mime_type=self.mime_type, meta=self.meta)

    def to_mcp_resource(self, **changes: Any) -> types.Resource:
        """What clients are told, as the protocol's type; `changes` replace members."""
        return types.Resource(**{**self.definition(), **changes})

    def definition(self, *, framework_meta: bool = True) -> dict[str, Any]:
        definition: dict[str, Any] = {"uri": self.uri, "name": self.name, "mimeType": self.mime_type}
        if self.size is not None:
            definition["size"] = self.size
        if self.annotations is not None:
            definition["annotations"] = plain(self.annotations)
        return self._describe(definition, framework_meta=framework_meta)


class FunctionResource(FunctionComponent[P, R], Resource, Generic[P, R]):
    """A resource whose function runs on every read."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        uri: object,
        name: str | None = None,
        description: str | None = None,
        **common: Any,
    ) -> None:
        function = plain_function(fn, noun="resource")
        self._signature = Signature(function, noun="resource")
        super().__init__(
            uri=uri,
            name=given_name(name, function, noun="resource"),
            description=description_of(function) if description is None else description,
            **common,
        )
        self._adopt(function)

    async def read(self) -> Any:
        from mcp_runtime.framework.context import current_context

        return await self._value(current_context())

    async def contents(self, context: Context) -> ResourceResult:
        value = await self._value(context)
        if isinstance(value, Resource):  # read in turn (FASTMCP R-24)
            return await value.contents(context)
        return contents_from(value, mime_type=self.mime_type, meta=self.meta)

    async def _value(self, context: Context | None) -> Any:
        if self._signature.parameters:
            names = ", ".join(self._signature.parameter_names)
            raise InvalidSignature(
                f"The resource {self.uri!r} has no {{parameters}}, so its function cannot be given {names}."
            )
        return await call_function(self._signature, {}, context)


def checked_uri(uri: object) -> str:
    """The URI as text. Raises ValueError unless it is absolute (FASTMCP R-02)."""
    text = str(uri)
    if not _ABSOLUTE.fullmatch(text):
        raise ValueError(f"{text!r} is not a resource URI: it needs a scheme, as in 'data://{text or 'name'}'.")
    return text
