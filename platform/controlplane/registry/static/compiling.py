"""From a static server's document to what is listed and served. No I/O.

An HTTP tool is compiled as an OpenAPI operation is, because it is one: the same code judges and writes its request.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from controlplane.registry import manifests
from controlplane.registry.errors import ImportFailed, InvalidSettings, ManifestError
from controlplane.registry.openapi.operations import imported
from controlplane.registry.openapi.settings import ApiSettings, Chosen
from controlplane.registry.static.document import StaticDocument, StaticPrompt, StaticResource, StaticTool, ToolArgument
from mcp_runtime.connectors.static import arguments_in
from mcp_runtime.ports.apis import Api, Operation, Scheme
from mcp_runtime.ports.statics import Content, Static
from mcp_runtime.ports.workers import Manifest
from mcp_runtime.protocol.uri_templates import TemplateError, UriTemplate

MAX_BYTES = 2 * 1024 * 1024
"""Of all contents together: they are part of each version of each endpoint."""
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")


@dataclass(frozen=True, slots=True)
class CompiledStatic:
    """What came of it."""

    manifest: Manifest
    static: Static
    api: Api


def compiled(document: StaticDocument, name: str) -> CompiledStatic:
    """Raises InvalidSettings, ManifestError."""
    manifest = Manifest(name=document.title or name, instructions=document.instructions or None, strict_input=True)
    contents: dict[str, Content] = {}
    tools: dict[str, Operation] = {}
    resources: dict[str, Operation] = {}
    templates: dict[str, Operation] = {}
    schemes: dict[str, Scheme] = {}
    for resource in document.resources:
        variables = _checked_uri(resource)
        definition = _resource(resource, "uriTemplate" if variables else "uri")
        (manifest.resource_templates if variables else manifest.resources).append(definition)
        if resource.url is None:
            contents[resource.uri] = _content(resource)
            continue
        made = _operation(document, _as_tool(resource, variables), f"the resource '{resource.uri}'")
        (templates if variables else resources)[resource.uri] = made.operation
        schemes |= made.schemes
    for prompt in document.prompts:
        manifest.prompts.append(_prompt(prompt))
    for tool in document.tools:
        made = _operation(document, tool, f"the tool '{tool.name}'")
        manifest.tools.append(made.definition)
        tools[tool.name] = made.operation
        schemes |= made.schemes
    static = Static(contents=contents, prompts={prompt.name: prompt.messages for prompt in document.prompts})
    if len(msgspec.json.encode(static)) > MAX_BYTES:
        raise InvalidSettings(f"Texts and files take more than {MAX_BYTES // 1024 // 1024} MB together.")
    manifests.check(manifest)
    api = Api("", "", "", "", tools=tools, resources=resources, templates=templates, schemes=schemes)
    return CompiledStatic(manifest, static, api)


def _checked_uri(resource: StaticResource) -> tuple[str, ...]:
    """Its variables. Raises InvalidSettings."""
    given = [one for one in (resource.text, resource.blob, resource.url) if one is not None]
    if len(given) != 1:
        raise InvalidSettings(f"The resource '{resource.uri[:200]}' needs one of text, blob and url.")
    if not _URI.fullmatch(resource.uri):
        raise InvalidSettings(f"'{resource.uri[:200]}' is no URI, such as notes://today.")
    if "{" not in resource.uri:
        return ()
    if resource.url is None:
        raise InvalidSettings(
            f"The resource '{resource.uri[:200]}' has variables, and so needs a url that has them too."
        )
    try:
        variables = UriTemplate(resource.uri).variables
    except TemplateError as error:
        raise InvalidSettings(str(error)) from error
    if set(variables) != set(_VARIABLE.findall(resource.url)):
        raise InvalidSettings(f"The uri and the url of '{resource.uri[:200]}' do not have the same variables.")
    return variables


def _resource(resource: StaticResource, key: str) -> dict[str, object]:
    definition: dict[str, object] = {key: resource.uri, "name": resource.name or resource.uri}
    if resource.description:
        definition["description"] = resource.description
    if resource.mime_type or resource.text is not None:
        definition["mimeType"] = resource.mime_type or "text/plain"
    return definition


def _content(resource: StaticResource) -> Content:
    if resource.blob is not None:
        try:
            base64.b64decode(resource.blob, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidSettings(f"The blob of '{resource.uri[:200]}' is not Base64.") from None
        return Content(blob=resource.blob, mime_type=resource.mime_type)
    return Content(text=resource.text, mime_type=resource.mime_type or "text/plain")


def _prompt(prompt: StaticPrompt) -> dict[str, object]:
    known = {argument.name for argument in prompt.arguments}
    unknown = sorted(name for message in prompt.messages for name in arguments_in(message.text) if name not in known)
    if unknown:
        raise InvalidSettings(f"The prompt '{prompt.name}' has no argument '{unknown[0]}', which a message names.")
    definition: dict[str, object] = {"name": prompt.name}
    if prompt.description:
        definition["description"] = prompt.description
    if prompt.arguments:
        definition["arguments"] = [msgspec.to_builtins(argument) for argument in prompt.arguments]
    return definition


@dataclass(frozen=True, slots=True)
class _Made:
    definition: dict[str, object]
    operation: Operation
    schemes: dict[str, Scheme]


def _as_tool(resource: StaticResource, variables: tuple[str, ...]) -> StaticTool:
    assert resource.url is not None
    arguments = dict.fromkeys(variables, ToolArgument(place="path", required=True))
    return StaticTool("resource", resource.url, arguments=arguments, credential=resource.credential)


def _operation(document: StaticDocument, tool: StaticTool, what: str) -> _Made:
    """Raises InvalidSettings."""
    parts = urlsplit(tool.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if "{" in parts.query:
        raise InvalidSettings(f"The query of {what} has a variable: make it an argument with place: query.")
    if tool.credential is not None and tool.credential not in document.security:
        raise InvalidSettings(
            f"{what} names the credential '{tool.credential}', which security does not have.".capitalize()
        )
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {path: {tool.method.lower(): _described(tool, set(_VARIABLE.findall(parts.path)), what)}},
    }
    security = {} if tool.credential is None else {tool.credential: document.security[tool.credential]}
    settings = ApiSettings(base_url=origin, security=security, operations={tool.name: Chosen(name=tool.name)})
    try:
        result = imported(spec, settings)
    except (ImportFailed, ManifestError) as error:
        raise InvalidSettings(f"The address of {what} cannot be used: {error.message}") from error
    if result.left_out:
        raise InvalidSettings(f"{what} cannot be served: {result.left_out[0].reason}".capitalize())
    operation = msgspec.structs.replace(result.api.tools[tool.name], base_url=result.api.base_url)
    return _Made(result.manifest.tools[0], operation, dict(result.api.schemes))


def _described(tool: StaticTool, variables: set[str], what: str) -> dict[str, Any]:
    """As an OpenAPI operation."""
    missing = sorted(variables - tool.arguments.keys())
    if missing:
        raise InvalidSettings(f"The address of {what} has the variable '{missing[0]}', which is none of its arguments.")
    parameters: list[dict[str, Any]] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, argument in tool.arguments.items():
        place = argument.place or _place(tool, name in variables)
        if (place == "path") != (name in variables):
            raise InvalidSettings(f"The argument '{name}' of {what} has its place where the address has '{{{name}}}'.")
        schema = {**argument.schema, **({"description": argument.description} if argument.description else {})}
        if place == "body":
            properties[name] = schema
            required += [name] if argument.required else []
        else:
            needed = argument.required or place == "path"
            parameters.append({"name": name, "in": place, "required": needed, "schema": schema})
    operation: dict[str, Any] = {"operationId": tool.name, "parameters": parameters, "responses": {}}
    operation["description"] = tool.description or f"{tool.method} {tool.url}"
    if properties:
        kind = "application/json" if tool.body == "json" else "application/x-www-form-urlencoded"
        schema = {"type": "object", "properties": properties, "required": required}
        operation["requestBody"] = {"required": bool(required), "content": {kind: {"schema": schema}}}
    return operation


def _place(tool: StaticTool, in_path: bool) -> str:
    if in_path:
        return "path"
    return "query" if tool.method in ("GET", "DELETE") else "body"
