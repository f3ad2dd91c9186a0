"""The composition document: what people write to say what an endpoint is made of.

It is plain data, the same in the API, in files and in the database. Reading is strict: a member that is misspelt is
an error that names its place, not a setting without effect.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from controlplane.composition.errors import InvalidComposition
from mcp_runtime.ports.plans import Rate
from tenants.roles import Role

MAX_MEMBERS = 200
MAX_RULES = 1_000
MAX_POLICIES = 100

Prefix: TypeAlias = Literal["always", "on_conflict", "never"]
Slug: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2_048)]
Text: TypeAlias = Annotated[str, Meta(max_length=16_384)]
Names: TypeAlias = Annotated[tuple[Name, ...], Meta(max_length=MAX_RULES)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which components: any of the names, tags or patterns says so."""

    names: Names = ()
    """Names of tools and prompts; names or URIs of resources and templates."""
    tags: Names = ()
    patterns: Names = ()
    """Regular expressions that match the whole name, in linear time: no look-around, no back-references."""

    def __bool__(self) -> bool:
        return bool(self.names or self.tags or self.patterns)


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of one argument of a tool."""

    hide: bool = False
    """Clients neither see nor send it."""
    value: Any = msgspec.UNSET
    """It always has this value: clients neither see nor send it."""
    description: Text | None = None


class ToolOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What clients see in place of what the server says. What is left out stays as the server says it."""

    name: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    """Instead of prefix and name."""
    title: Annotated[str, Meta(max_length=1_000)] | None = None
    description: Text | None = None
    annotations: dict[str, bool | str] | None = None
    """Put over the tool's own annotations, one by one."""
    arguments: dict[str, Argument] = {}


class MemberSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One server in the endpoint."""

    server: Slug
    pin: Annotated[int, Meta(ge=1, le=2_147_483_647)] | None = None
    """The number of the revision to import; without it the member is mounted and follows the current revision."""
    prefix: Prefix | None = None
    """Instead of the endpoint's."""
    namespace: Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None
    """What is prefixed; the server's name unless set."""
    include: Rule = Rule()
    """Only these; everything when empty."""
    exclude: Rule = Rule()
    """Not these, even when included."""
    tools: dict[str, ToolOverride] = {}
    """By the tool's name at the server."""

    @property
    def word(self) -> str:
        return self.namespace or self.server


class CallersSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Some of those who call: any of the two says so."""

    subjects: Names = ()
    """Identifiers of API keys (`key_…`), members (`usr_…`) and programs."""
    roles: Annotated[tuple[Role, ...], Meta(max_length=10)] = ()


class PolicySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What calls of some tools have to keep to. What is left out is not asked, and costs a call nothing."""

    name: Slug
    """For refusals, records and history."""
    tools: Rule = Rule()
    """Which tools, as clients see them; every tool when empty."""
    allow: CallersSpec | None = None
    """Only these may call."""
    deny: CallersSpec | None = None
    """These may not, even when allowed."""
    scopes: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    """The credential has all of them."""
    rate: Rate | None = None
    seconds: Annotated[float, Meta(gt=0, le=3_600)] | None = None
    """How long an answer may take. The time in which a client thinks about a question does not count."""
    max_bytes: Annotated[int, Meta(ge=1, le=2_147_483_647)] | None = None
    """How large the server's result may be, as JSON."""


class Composition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an endpoint is made of. The order of members is the order of lists."""

    members: Annotated[tuple[MemberSpec, ...], Meta(max_length=MAX_MEMBERS)]
    prefix: Prefix = "on_conflict"
    names: Literal["fit", "keep"] = "fit"
    """Whether names that common clients refuse are made to fit, or kept as the servers spell them."""
    instructions: Text | None = None
    """What the endpoint tells models about itself; the members' own instructions unless set."""
    policies: Annotated[tuple[PolicySpec, ...], Meta(max_length=MAX_POLICIES)] = ()
    present: Literal["tools", "search"] = "tools"
    """Whether clients see every tool, or two: one to search the tools, and one to call what was found."""
    changes: Literal["let_through", "hold"] = "let_through"
    """Whether what mounted servers change about their definitions reaches clients, or waits until it is approved."""


def read(document: object) -> Composition:
    """Raises InvalidComposition naming the place."""
    try:
        composition = msgspec.convert(document, Composition)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at ")
        raise InvalidComposition(f"{message}.", where.strip("`") or "$") from None
    seen: set[str] = set()
    for index, member in enumerate(composition.members):
        if member.server in seen:
            raise InvalidComposition(f"The server '{member.server}' is a member twice.", f"$.members[{index}].server")
        seen.add(member.server)
    named: set[str] = set()
    for index, policy in enumerate(composition.policies):
        if policy.name in named:
            raise InvalidComposition(f"There are two policies '{policy.name}'.", f"$.policies[{index}].name")
        if not (policy.allow or policy.deny or policy.scopes or policy.rate or policy.seconds or policy.max_bytes):
            raise InvalidComposition(
                f"The policy '{policy.name}' asks for nothing: set allow, deny, scopes, rate, seconds or max_bytes.",
                f"$.policies[{index}]",
            )
        named.add(policy.name)
    return composition


def write(composition: Composition) -> dict[str, Any]:
    """The document as JSON values, without what is at its default."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(composition))
    return document


def of_server(slug: str) -> Composition:
    """The composition of the endpoint that each server gets: the server as it is."""
    return Composition(members=(MemberSpec(slug),), names="keep")


def schema() -> dict[str, Any]:
    """The JSON Schema of the document, in one piece, for the API's description."""
    (root,), components = msgspec.json.schema_components([Composition], ref_template="{name}")
    whole = _inlined(root, components)
    assert isinstance(whole, dict)
    return whole


def _inlined(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(components[node["$ref"]], components)
        return {key: _inlined(value, components) for key, value in node.items() if key != "default" or _plain(value)}
    return [_inlined(value, components) for value in node] if isinstance(node, list) else node


def _plain(default: Any) -> bool:
    return not isinstance(default, dict | list)
