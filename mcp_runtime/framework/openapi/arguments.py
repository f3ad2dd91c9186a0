"""The arguments of an operation: their schema, and where in the request each of them goes (FASTMCP K-09)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.openapi.documents import Document, HTTPRoute, ParameterInfo, RequestBodyInfo
from mcp_runtime.framework.openapi.requests import Outgoing, body_of, cookie_of, header_of, path_of, query_of
from mcp_runtime.framework.openapi.schemas import Schemas

__all__ = ("Arguments", "arguments_of")

_BODY = "body"


@dataclass(frozen=True)
class Arguments:
    """What a tool takes, and how that becomes a request. Needs the document no more."""

    path: str
    schema: Schema
    """The JSON Schema of all arguments."""
    parameters: Mapping[str, ParameterInfo]
    """By argument."""
    body: RequestBodyInfo | None = None
    members: Mapping[str, str] | None = None
    """The body's members by argument; None where one argument is the whole body."""

    def request(self, given: Mapping[str, Any]) -> Outgoing:
        """The request for these arguments. Raises ToolError for what does not fit."""
        unknown = sorted(given.keys() - self.schema["properties"].keys())
        if unknown:
            known = ", ".join(self.schema["properties"]) or "none"
            raise ToolError(f"There is no argument {unknown[0]!r}; there are {known}.")
        missing = [name for name in self.schema.get("required", ()) if name not in given]
        if missing:
            raise ToolError(f"The argument {missing[0]!r} is required.")
        in_path: dict[str, tuple[ParameterInfo, Any]] = {}
        outgoing = Outgoing("")
        for argument, parameter in self.parameters.items():
            if argument not in given:
                continue
            value = given[argument]
            if parameter.location == "path":
                in_path[parameter.name] = (parameter, value)
            elif parameter.location == "query":
                outgoing.query += query_of(parameter, value)
            elif parameter.location == "header":
                outgoing.headers[parameter.name] = header_of(parameter, value)
            else:
                outgoing.cookies.append(cookie_of(parameter, value))
        outgoing.path = path_of(self.path, in_path)
        self._put_body(given, outgoing)
        return outgoing

    def _put_body(self, given: Mapping[str, Any], outgoing: Outgoing) -> None:
        if self.body is None:
            return
        rest = {argument: value for argument, value in given.items() if argument not in self.parameters}
        if self.members is not None:
            if rest or self.body.required:
                body_of(self.body, {self.members[argument]: item for argument, item in rest.items()}, outgoing)
        elif rest:
            [value] = rest.values()
            body_of(self.body, value, outgoing)


def arguments_of(document: Document, route: HTTPRoute) -> Arguments:
    """Raises DocumentError for a schema beyond all measure."""
    schemas = Schemas(document, "request")
    properties: dict[str, Schema] = {}
    required: list[str] = []
    body = route.request_body
    plain = None if body is None else schemas.properties_of(body.schema)
    parameters: dict[str, ParameterInfo] = {}
    names = [parameter.name for parameter in route.parameters]
    for parameter in route.parameters:
        clashes = names.count(parameter.name) > 1 or (plain is not None and parameter.name in plain[0])
        argument = f"{parameter.name}__{parameter.location}" if clashes else parameter.name
        properties[argument] = _described(schemas.converted(parameter.schema), parameter.description)
        parameters[argument] = parameter
        if parameter.required:
            required.append(argument)
    members: dict[str, str] | None = None
    if body is not None and plain is not None:
        members = {}
        for name, schema in plain[0].items():
            argument = name if name not in properties else f"{name}__body"
            properties[argument] = _in_base64(schema)
            members[argument] = name
        if body.required:
            required += [argument for argument, name in members.items() if name in plain[1]]
        body = replace(body, schema={"type": "object", "properties": plain[0]})
    elif body is not None:
        argument = _BODY if _BODY not in properties else f"{_BODY}__body"
        properties[argument] = _described(_in_base64(schemas.converted(body.schema)), body.description)
        if body.required:
            required.append(argument)
    whole: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        whole["required"] = required
    return Arguments(route.path, schemas.whole(whole), parameters, body, members)


def _described(schema: Schema, description: str | None) -> Schema:
    return {**schema, "description": description} if description and "description" not in schema else schema


def _in_base64(schema: Schema) -> Schema:
    """Bytes travel in JSON as Base64."""
    if schema.get("format") == "binary":
        return {**{key: value for key, value in schema.items() if key != "format"}, "contentEncoding": "base64"}
    if isinstance(schema.get("items"), dict) and schema["items"].get("format") == "binary":
        return {**schema, "items": _in_base64(schema["items"])}
    return schema
