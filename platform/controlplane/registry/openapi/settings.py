"""What people say about an API beside its document: where it is, and what shall become of its operations."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from controlplane.registry.errors import InvalidSettings

Becomes: TypeAlias = Literal["tool", "resource", "nothing"]
Short: TypeAlias = Annotated[str, Meta(max_length=256)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Operations that fit everything said here. The first rule that an operation fits counts."""

    methods: Annotated[tuple[Short, ...], Meta(max_length=10)] = ()
    tags: Annotated[tuple[Short, ...], Meta(max_length=200)] = ()
    """Any of them."""
    pattern: Short = ""
    """A regular expression that is found in the path, in linear time: no look-around, no back-references."""
    becomes: Becomes = "tool"
    """A `resource` with variables in its path becomes a resource template."""


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is said of one operation. It goes before all rules."""

    becomes: Becomes | None = None
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""
    description: Annotated[str, Meta(max_length=16_384)] = ""


class ApiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    url: Annotated[str, Meta(max_length=2_048)] = ""
    """Where the document is; empty when it was uploaded."""
    base_url: Annotated[str, Meta(max_length=2_048)] = ""
    """Where the API is; empty for the document's first server."""
    rules: Annotated[tuple[Rule, ...], Meta(max_length=200)] = ()
    """An operation that fits none becomes a tool."""
    operations: Annotated[dict[Short, Chosen], Meta(max_length=2_000)] = {}
    """By operation id, or `GET /pets/{id}`."""
    security: Annotated[dict[Short, dict[str, Any]], Meta(max_length=20)] | None = None
    """OpenAPI security schemes that every operation takes together, in place of the document's own."""
    answers: bool = False
    """Whether tools promise answers as the document describes them."""


def read_settings(document: object) -> ApiSettings:
    """Raises InvalidSettings."""
    try:
        return msgspec.convert(document, ApiSettings)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"The settings cannot be read: {error}") from error
