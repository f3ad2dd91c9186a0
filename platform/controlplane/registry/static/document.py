"""The document that people write: what a static server has. Reading is strict: a misspelt member is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from controlplane.registry.errors import InvalidSettings
from mcp_runtime.ports.statics import Message

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Argument: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Uri: TypeAlias = Annotated[str, Meta(min_length=3, max_length=2_048)]
Text: TypeAlias = Annotated[str, Meta(max_length=16_384)]
MAX_ITEMS = 500


class StaticResource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A text, a file, or what an address answers. With variables in `uri` and `url` it is a resource template."""

    uri: Uri
    name: Text = ""
    description: Text = ""
    mime_type: Annotated[str, Meta(max_length=200)] = ""
    text: str | None = None
    blob: str | None = None
    """Bytes in Base64."""
    url: Uri | None = None
    credential: Name | None = None
    """One of `StaticDocument.security`."""


class PromptArgument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Argument
    description: Text = ""
    required: bool = False


class StaticPrompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Name
    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=100)]
    description: Text = ""
    arguments: Annotated[tuple[PromptArgument, ...], Meta(max_length=50)] = ()


class ToolArgument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    place: Literal["path", "query", "header", "body"] | None = None
    """By itself: the path where the address names it, else the query of what reads and the body of what writes."""
    description: Text = ""
    required: bool = False
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})
    """JSON Schema."""


class StaticTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One HTTP request."""

    name: Name
    url: Uri
    """With variables, as in `https://api.example.com/pets/{id}`."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    description: Text = ""
    arguments: Annotated[dict[Argument, ToolArgument], Meta(max_length=100)] = {}
    body: Literal["json", "form"] = "json"
    credential: Name | None = None


class StaticDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    title: Annotated[str, Meta(max_length=200)] = ""
    instructions: Text = ""
    resources: Annotated[tuple[StaticResource, ...], Meta(max_length=MAX_ITEMS)] = ()
    prompts: Annotated[tuple[StaticPrompt, ...], Meta(max_length=MAX_ITEMS)] = ()
    tools: Annotated[tuple[StaticTool, ...], Meta(max_length=MAX_ITEMS)] = ()
    security: Annotated[dict[Name, dict[str, Any]], Meta(max_length=20)] = {}
    """OpenAPI security schemes, by the name that tools and resources call them."""


def read_document(document: object) -> StaticDocument:
    """Raises InvalidSettings."""
    try:
        return msgspec.convert(document, StaticDocument)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"The document cannot be read: {error}") from error
