"""An HTTP API as a member of an endpoint: its operations, worked out of its document when it was imported.

Plain data. A gateway needs the document no more, and builds each request from one `Operation`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Place: TypeAlias = Literal["path", "query", "header", "cookie"]


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where one argument goes, and how it is written there (OpenAPI 3.1, "Style Values")."""

    name: str
    place: Place
    style: str
    explode: bool
    required: bool = False
    allow_reserved: bool = False
    as_json: bool = False


class Body(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body, in its one content type."""

    content_type: str
    required: bool = False
    argument: str = ""
    """The argument that is the whole body; empty where `members` are."""
    members: dict[str, str] | None = None
    """The body's members by argument."""
    binary: tuple[str, ...] = ()
    """Members whose values are bytes, in Base64; `*` when the whole body is."""
    encoding: dict[str, dict[str, object]] = {}
    """Of a form: how members are written (OpenAPI's Encoding Object)."""


class Operation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    method: str
    path: str
    """With its variables, as in `/pets/{id}`."""
    parameters: dict[str, Parameter] = {}
    """By argument."""
    body: Body | None = None
    security: tuple[tuple[str, ...], ...] = ()
    """Each is enough: names of `Api.schemes` that are sent together. None at all: it needs no credential."""
    wraps: bool = False
    """Whether its tool promises `{"result": …}` in place of what is no object."""
    base_url: str = ""
    """Before its path, in place of `Api.base_url`."""


class Scheme(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One way to be let in, and the secrets of the server that it takes."""

    kind: Literal["key", "bearer", "basic", "client_credentials"]
    secrets: tuple[str, ...]
    """Names: one; for `client_credentials` that of the identifier and that of the secret."""
    place: Literal["query", "header", "cookie"] = "header"
    name: str = "Authorization"
    """Of a `key`: the header, query parameter or cookie."""
    token_url: str = ""
    scopes: tuple[str, ...] = ()


class Api(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    tenant_id: str
    server_id: str
    revision_id: str
    """Changes with everything that matters to a connection, the credentials among it."""
    base_url: str
    """Before every path. No request leaves it."""
    tools: dict[str, Operation] = {}
    resources: dict[str, Operation] = {}
    """By URI."""
    templates: dict[str, Operation] = {}
    """By URI template."""
    schemes: dict[str, Scheme] = {}
    seconds: float = 60.0
    """How long a call may take."""
