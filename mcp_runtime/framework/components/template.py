"""Resource templates: resources whose URI carries parameters (FASTMCP R-10 to R-13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic

from mcp_runtime.framework import types
from mcp_runtime.framework.components.base import Component, FunctionComponent, P, R, given_name, plain_function
from mcp_runtime.framework.components.resource import Resource, checked_uri
from mcp_runtime.framework.components.security import SAFE, ResourceSecurity
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.arguments import Arguments
from mcp_runtime.framework.functions.calling import call_function
from mcp_runtime.framework.functions.docstrings import description_of
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.resource_contents import ResourceResult, contents_from, usual_mime_type
from mcp_runtime.framework.types import Annotations, plain

__all__ = ("FunctionTemplate", "ResourceTemplate")


class ResourceTemplate(Component):
    """A family of resources. Subclass it and write `read`, or make one from a function."""

    noun: ClassVar[str] = "resource template"
    default_mime_type: ClassVar[str] = "text/plain"

    def __init__(
        self,
        *,
        uri_template: str,
        name: str | None = None,
        mime_type: str | None = None,
        annotations: Annotations | Mapping[str, Any] | None = None,
        security: ResourceSecurity | None = SAFE,
        **common: Any,
    ) -> None:
        from mcp_runtime.protocol.uri_templates import UriTemplate

        self.template = UriTemplate(checked_uri(uri_template))
        super().__init__(name=name or self.uri_template, **common)
        self.mime_type = mime_type or usual_mime_type(self.uri_template, self.default_mime_type)
        self.annotations = None if annotations is None else Annotations.from_wire(annotations)
        self.security = security
        """What the parameters may hold; None for anything."""

    @property
    def uri_template(self) -> str:
        return self.template.template

    @property
    def key(self) -> str:
        return self.uri_template

    @classmethod
    def from_function(cls, fn: Callable[..., Any], uri_template: str, **options: Any) -> FunctionTemplate[..., Any]:
        """A template made from a function, ready for `add_template`; takes the options of `@mcp.resource`."""
        return FunctionTemplate(fn, uri_template=uri_template, **options)

    def match(self, uri: str) -> dict[str, str] | None:
        """The parameters in `uri`; None if it is not of this family or not safe (FASTMCP R-11)."""
        if self.security == SAFE:
            return self.template.match(uri)
        values = self.template.match(uri, unsafe=True)
        return values if values is None or self.security is None or self.security.allows(values) else None

    async def read(self, arguments: dict[str, Any]) -> Any:
        """The contents for these parameters."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it holds: give it an async read().")

    async def contents(self, arguments: Mapping[str, str], context: Context) -> ResourceResult:
        """The contents inside a request."""
        return contents_from(await self.read(dict(arguments)), mime_type=self.mime_type, meta=self.meta)

    def to_mcp_template(self, **changes: Any) -> types.ResourceTemplate:
        """What clients are told, as the protocol's type; `changes` replace members."""
        return types.ResourceTemplate(**{**self.definition(), **changes})

    def definition(self, *, framework_meta: bool = True) -> dict[str, Any]:
        definition: dict[str, Any] = {
            "uriTemplate": self.uri_template,
            "name": self.name,
            "mimeType": self.mime_type,
        }
        if self.annotations is not None:
            definition["annotations"] = plain(self.annotations)
        return self._describe(definition, framework_meta=framework_meta)


class FunctionTemplate(FunctionComponent[P, R], ResourceTemplate, Generic[P, R]):
    """A template whose function runs on every read, with the URI's parameters as its arguments."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        uri_template: str,
        name: str | None = None,
        description: str | None = None,
        **common: Any,
    ) -> None:
        function = plain_function(fn, noun="resource")
        document = description_of(function)
        self._signature = Signature(function, noun="resource")
        self._arguments = Arguments(self._signature, document=document)
        super().__init__(
            uri_template=uri_template,
            name=given_name(name, function, noun="resource"),
            description=document if description is None else description,
            **common,
        )
        self._check_parameters()
        self._adopt(function)

    @property
    def parameters(self) -> Schema:
        """The JSON Schema of the URI's parameters."""
        return self._arguments.schema

    async def read(self, arguments: dict[str, Any]) -> Any:
        from mcp_runtime.framework.context import current_context

        return await self._value(arguments, current_context())

    async def contents(self, arguments: Mapping[str, str], context: Context) -> ResourceResult:
        value = await self._value(arguments, context)
        if isinstance(value, Resource):
            return await value.contents(context)
        return contents_from(value, mime_type=self.mime_type, meta=self.meta)

    async def _value(self, arguments: Mapping[str, Any], context: Context | None) -> Any:
        known = set(self._signature.parameter_names)
        values = self._arguments.validate({name: value for name, value in arguments.items() if name in known})
        if self._signature.takes_any_keyword:
            values.update({name: value for name, value in arguments.items() if name not in self._signature.names})
        return await call_function(self._signature, values, context)

    def _check_parameters(self) -> None:
        """Every required parameter is in the path, every URI parameter is the function's (FASTMCP R-12, R-13)."""
        parameters = {parameter.name: parameter for parameter in self._signature.plain_parameters()}
        template = self.template
        for name in template.variables:
            if name not in parameters and (name in self._signature.names or not self._signature.takes_any_keyword):
                raise InvalidSignature(
                    f"The template {template.template!r} has {{{name}}}, which is no parameter of its function."
                )
        for name in template.query_variables:
            if name in parameters and parameters[name].default is parameters[name].empty:
                raise InvalidSignature(
                    f"The query parameter {name!r} of {template.template!r} may be left out, so it needs a default."
                )
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in template.path_variables:
                raise InvalidSignature(
                    f"The parameter {name!r} is required, so {template.template!r} must have {{{name}}} in its path."
                )
