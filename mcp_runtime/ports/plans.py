"""The plan: the compiled form of an endpoint's published version, as gateways load it (ARCHITECTURE 6.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal, Protocol

import msgspec

from mcp_runtime.ports.apis import Api
from mcp_runtime.ports.statics import Static
from mcp_runtime.ports.workers import Worker


class Remote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A server that runs elsewhere, and how it is reached. Holds no secret."""

    tenant_id: str
    server_id: str
    revision_id: str
    """Changes with everything that matters to a connection, the credential among it."""
    url: str
    transport: str = "auto"
    """`auto`, `streamable-http` or `sse`."""
    header: str | None = None
    """The header with the credential; None sends none."""
    scheme: str = ""
    """What stands before the credential in that header, such as `Bearer`."""
    secret: str = ""
    """The server's secret that is the credential."""
    marked: bool = False
    """Whether a tool wants arguments repeated in headers, which a connection has to learn first (PROTOCOL T-05)."""
    seconds: float = 60.0
    """How long a call may take. The time in which a client thinks about a question does not count."""


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server in the endpoint. `worker` is set for kind `python`, `remote` for `remote`, `api` for `openapi`, and
    `static` with `api` for `static`."""

    server_id: str
    kind: str
    worker: Worker | None = None
    strict_input: bool = False
    remote: Remote | None = None
    varying: tuple[str, ...] = ()
    """Which of its lists differ by caller; see `Manifest.varying`."""
    api: Api | None = None
    static: Static | None = None


class Callers(msgspec.Struct, frozen=True, omit_defaults=True):
    """Some of those who call: any of the two says so."""

    subjects: tuple[str, ...] = ()
    """`Principal.subject` or `Principal.client_id`: API keys, members, programs."""
    roles: tuple[str, ...] = ()


class Rate(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """So many calls in so many seconds."""

    calls: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=31 * 24 * 3600)]
    per: Annotated[tuple[Literal["principal", "key", "tool"], ...], msgspec.Meta(max_length=3)] = ("principal",)
    """What is counted apart; nothing counts all calls of the policy's tools together. `key` is the API key, or the
    program that a person calls with."""


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an endpoint asks of the calls of some of its tools. What is not set is not asked."""

    name: str
    allow: Callers | None = None
    """Only these may call."""
    deny: Callers | None = None
    """These may not, even when allowed."""
    scopes: tuple[str, ...] = ()
    """The credential has all of them."""
    rate: Rate | None = None
    seconds: float | None = None
    """How long an answer may take."""
    max_bytes: int | None = None
    """How large the server's result may be, as JSON."""


class Component(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool, resource, template or prompt as clients see it, and where it really lives."""

    definition: dict[str, object]
    """Its 2026-07-28 definition; `name`, `uri` or `uriTemplate` inside it is the public one."""
    member: int
    """Index into `PlanDocument.members`."""
    upstream_name: str
    """Its name, URI or URI template at the member."""
    fixed: dict[str, object] = {}
    """Arguments that every call of the tool has, with these values."""
    hidden: tuple[str, ...] = ()
    """Arguments that clients may not send, the fixed ones among them. They are not in the definition's schema."""
    policies: tuple[int, ...] = ()
    """Indices into `PlanDocument.policies`."""
    held: Literal["", "new", "changed", "refused"] = ""
    """Why it may not be called: what its server says of it now was not approved (`connectors.held`)."""


class PlanDocument(msgspec.Struct, frozen=True):
    """Everything a gateway needs to serve one published version. Immutable; stored as JSON."""

    tenant_id: str
    tenant: str
    endpoint_id: str
    endpoint: str
    version: int
    server_name: str
    server_version: str
    instructions: str | None
    members: tuple[Member, ...]
    tools: tuple[Component, ...] = ()
    resources: tuple[Component, ...] = ()
    resource_templates: tuple[Component, ...] = ()
    prompts: tuple[Component, ...] = ()
    policies: tuple[Policy, ...] = ()
    held: tuple[Component, ...] = ()
    """Tools that clients do not see, and are told why when they call one all the same."""
    present: Literal["tools", "search"] = "tools"
    """Whether its tools are listed, or searched and called by way of two that are (`gateway.searching`)."""
    live: bool = False
    """The one member lists and finds its components itself, at each request: a server that is run alone, whose
    components may change while it runs and differ by caller. The lists above are then empty."""


class Catalogue(Protocol):
    """Where gateways find plans. Asked on a miss only, never on the path of a warm call."""

    async def plan(self, tenant: str, endpoint: str) -> PlanDocument | None:
        """The published version behind `/t/<tenant>/<endpoint>/`; None when there is none."""

    def changes(self) -> AsyncIterator[tuple[str, str]]:
        """Yields `(tenant, endpoint)` slugs whose plan changed; `("*", "*")` when anything may have."""
