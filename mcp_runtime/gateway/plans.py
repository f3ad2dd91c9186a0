"""A plan, ready to serve: everything that depends on the published version alone is done here, once.

Names become tables, schemas become validators, lists become bytes per protocol revision. On the path of a call
nothing of this is looked at twice, so a call beside a thousand tools costs what it costs beside one.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jsonschema_rs
import msgspec
from uritemplate import URITemplate

from mcp_runtime.authorization.rights import Rights
from mcp_runtime.connectors.held import HeldBack
from mcp_runtime.connectors.python import PythonUpstream
from mcp_runtime.connectors.static import StaticUpstream
from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.connectors.withheld import WithheldArguments
from mcp_runtime.gateway.policies import Guard, Windows
from mcp_runtime.gateway.searching import SHOWN, Search
from mcp_runtime.gateway.task_traits import TaskTraits, task_traits
from mcp_runtime.gateway.task_wire import EXTENSION, LEGACY_CAPABILITY
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.sandboxes import Sandboxes
from mcp_runtime.protocol import codec, param_headers, shaping
from mcp_runtime.protocol.uri_templates import TemplateError, UriTemplate
from mcp_runtime.protocol.versions import SERVER_INFO_KEY, SUPPORTED, Revision
from tenants.principal import Principal

if TYPE_CHECKING:
    from mcp_runtime.connectors.remote import Remotes

MAX_SCHEMA_BYTES = 256 * 1024
MAX_SCHEMA_DEPTH = 64
MAX_AUDIENCES = 100
"""Sets of rights for which the parts of one plan are kept."""

COMPLETE = "completion/complete"
INITIALIZE = "initialize"
NOTIFICATIONS = "notifications"

CAPABILITIES: dict[str, object] = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "logging": {},
}
"""These always: the lists work, and may be empty (T-01). Beside them completions, where a server names values."""


class PlanError(ValueError):
    """The published version cannot be served."""


@dataclass(frozen=True, slots=True)
class Tool:
    upstream: Upstream
    upstream_name: str
    validator: jsonschema_rs.Validator | None
    """Set where arguments are judged before the server sees them (FASTMCP S-03)."""
    marks: tuple[param_headers.Mark, ...]
    """Arguments that must stand in headers as well."""
    fault: str | None = None
    """Why it cannot be called, when its schema is not usable."""
    task: TaskTraits | None = None
    """How it runs in the background; None where it does not."""
    guard: Guard | None = None
    """The endpoint's policies for it; None where there are none."""


@dataclass(frozen=True, slots=True)
class Resource:
    upstream: Upstream
    upstream_uri: str


@dataclass(frozen=True, slots=True)
class Template:
    upstream: Upstream
    matcher: UriTemplate
    upstream_template: str | None
    """None when the server knows the template by its public spelling."""

    def upstream_uri(self, uri: str, values: Mapping[str, str]) -> str:
        if self.upstream_template is None:
            return uri
        return str(URITemplate(self.upstream_template).expand(dict(values)))


@dataclass(frozen=True, slots=True)
class Prompt:
    upstream: Upstream
    upstream_name: str
    required: frozenset[str]


class CompiledPlan:
    """One published version. Immutable, but for lists that are encoded when first asked for."""

    def __init__(
        self,
        document: PlanDocument,
        sandboxes: Sandboxes,
        remotes: Remotes | None = None,
        *,
        tasks: bool = False,
        windows: Windows | None = None,
    ) -> None:
        """Without `tasks` nothing runs in the background here, whatever tools say. `windows` outlive the plan."""
        self.tenant_id = document.tenant_id
        self.endpoint_id = document.endpoint_id
        self.version = document.version
        self._document = document
        upstreams = [_upstream(member, sandboxes, remotes) for member in document.members]
        self.live = upstreams[0] if document.live else None
        """Who is asked for lists and names that the plan does not hold."""
        self._varying = {
            method: {index: upstreams[index] for index, member in enumerate(document.members) if kind in member.varying}
            for method, kind in _KINDS.items()
        }
        tools = (*document.held, *document.tools)
        for component in (*tools, *document.resources, *document.resource_templates, *document.prompts):
            if not 0 <= component.member < len(upstreams):
                raise PlanError(f"A component names member {component.member} of {len(upstreams)}.")
        windows = Windows() if windows is None else windows
        self.tools = {
            _text(one, "name"): _tool(
                one, upstreams[one.member], document.members[one.member], _guard(one, document, windows), tasks=tasks
            )
            for one in tools
        }
        self.search: Search | None = None
        """What stands in place of the list of tools; None where they are listed."""
        if document.present == "search":
            self.search = Search(document.tools, self._varying["tools/list"])
            self._varying["tools/list"] = {}
            self._document = msgspec.structs.replace(document, tools=SHOWN)
        self.tasks = any(tool.task is not None for tool in self.tools.values())
        """Whether there is a tool that may run as a task."""
        self.resources = {
            _text(one, "uri"): Resource(_behind(one, "uri", upstreams), one.upstream_name) for one in document.resources
        }
        self.templates = tuple(
            _template(one, _behind(one, "uriTemplate", upstreams)) for one in document.resource_templates
        )
        self.prompts = {_text(one, "name"): _prompt(one, _behind(one, "name", upstreams)) for one in document.prompts}
        self._patterns = frozenset(one.matcher.template for one in self.templates)
        self.server_info = msgspec.Raw(codec.write({"name": document.server_name, "version": document.server_version}))
        self._listings: dict[tuple[str, str, int], bytes] = {}
        self.whole = self
        """The plan that this is a part of; itself when nothing is left out."""
        self._parts: dict[frozenset[str], CompiledPlan] = {}

    def seen_by(self, principal: Principal) -> CompiledPlan:
        """The part that exists for this caller: the plan itself, but for what their credential leaves out.

        Made once for each set of rights. What is left out is answered like what was never there.
        """
        if not principal.only:
            return self
        part = self._parts.get(principal.only)
        if part is None:
            if len(self._parts) >= MAX_AUDIENCES:
                del self._parts[next(iter(self._parts))]
            part = self._parts[principal.only] = self._part(Rights(principal.only))
        return part

    def listing(self, method: str, revision: Revision, first: int = 0, items: int = sys.maxsize) -> bytes:
        """The result of `server/discover` and `initialize`, or so many `items` of `tools/list` and its like from
        `first` on, for one revision."""
        encoded = self._listings.get((method, revision.name, first))
        if encoded is None:
            encoded = codec.write(self._list(method, revision, slice(first, first + items)))
            self._listings[method, revision.name, first] = encoded
        return encoded

    def differs(self, before: CompiledPlan, kind: str) -> bool:
        """Whether a list is another one than in an earlier version: `tools`, `resources` or `prompts`."""
        lists = [components for method, (_, components, _) in _LISTS.items() if method.startswith(kind)]
        return any(_definitions(of(self._document)) != _definitions(of(before._document)) for of in lists)

    def length(self, method: str) -> int:
        """Items in the whole list."""
        return len(_LISTS[method][1](self._document))

    def tool(self, name: str) -> Tool | None:
        found = self.tools.get(name)
        return Tool(self.live, name, None, ()) if found is None and self.live is not None else found

    def prompt(self, name: str) -> Prompt | None:
        found = self.prompts.get(name)
        return Prompt(self.live, name, frozenset()) if found is None and self.live is not None else found

    def live_listing(self, method: str, definitions: list[dict[str, object]], revision: Revision) -> dict[str, object]:
        """The result of a list that the live member gave, for one revision."""
        key, _, shape = _LISTS[method]
        result: dict[str, object] = {key: [shape(definition, revision) for definition in definitions]}
        return result | self._envelope(revision)

    def varying(self, method: str) -> Mapping[int, Upstream]:
        """The members whose part of a list differs by caller: who is asked what this caller sees of it. And those who
        name values (COMPLETE), look at the beginnings of sessions (INITIALIZE) or at notifications (NOTIFICATIONS)."""
        return self._varying[method]

    def listing_of(self, method: str, seen: Mapping[int, AbstractSet[str]], revision: Revision) -> dict[str, object]:
        """The result of a list for one caller, who sees of each member in `seen` no more than what it names."""
        key, components, shape = _LISTS[method]
        shown = [
            shape(one.definition, revision)
            for one in components(self._document)
            if one.member not in seen or one.upstream_name in seen[one.member]
        ]
        return {key: shown} | self._envelope(revision)

    def read(self, uri: str) -> tuple[Upstream, str, str] | None:
        """Who reads `uri`, under which URI, and as which resource or template of the plan.

        A resource goes before a template that would match it too.
        """
        if self.whole is not self:
            found = self.whole.read(uri)  # one that is left out is not read through a template that matches it too
            return found if found is not None and (found[2] in self.resources or found[2] in self._patterns) else None
        resource = self.resources.get(uri)
        if resource is not None:
            return resource.upstream, resource.upstream_uri, uri
        for template in self.templates:
            values = template.matcher.match(uri)
            if values is not None:
                return template.upstream, template.upstream_uri(uri, values), template.matcher.template
        return None if self.live is None else (self.live, uri, uri)

    def _part(self, rights: Rights) -> CompiledPlan:
        document = self._document
        part = copy.copy(self)
        part._document = msgspec.structs.replace(
            document,
            tools=tuple(one for one in document.tools if self.search or rights.allow("tool", _text(one, "name"))),
            prompts=tuple(one for one in document.prompts if rights.allow("prompt", _text(one, "name"))),
            resources=tuple(one for one in document.resources if rights.allow("resource", _text(one, "uri"))),
            resource_templates=tuple(
                one for one in document.resource_templates if rights.allow("resource", _text(one, "uriTemplate"))
            ),
        )
        part.search = self.search and self.search.part(partial(rights.allow, "tool"))
        part.live = None  # whatever it would list, no right names it for certain
        part.tools = {name: one for name, one in self.tools.items() if rights.allow("tool", name)}
        part.prompts = {name: one for name, one in self.prompts.items() if rights.allow("prompt", name)}
        part.resources = {uri: one for uri, one in self.resources.items() if rights.allow("resource", uri)}
        part.templates = tuple(one for one in self.templates if rights.allow("resource", one.matcher.template))
        part._patterns = frozenset(one.matcher.template for one in part.templates)
        part._listings = {}
        return part

    def _list(self, method: str, revision: Revision, part: slice) -> dict[str, object]:
        document = self._document
        result: dict[str, object]
        if method == "server/discover":
            capabilities = self._capabilities | ({"extensions": {EXTENSION: {}}} if self.tasks else {})
            result = {"supportedVersions": list(SUPPORTED), "capabilities": capabilities}
        elif method == "initialize":
            result = {
                "protocolVersion": revision.name,
                "capabilities": self._capabilities
                | ({"tasks": LEGACY_CAPABILITY} if self.tasks and revision.task_support else {}),
                "serverInfo": self.server_info,
            }
        else:
            key, components, shape = _LISTS[method]
            result = {key: [shape(one.definition, revision) for one in components(document)[part]]}
        if method in ("server/discover", "initialize") and document.instructions:
            result["instructions"] = document.instructions
        return result | self._envelope(revision)

    @property
    def _capabilities(self) -> dict[str, object]:
        return CAPABILITIES | {"completions": {}} if self._varying[COMPLETE] else CAPABILITIES

    def _envelope(self, revision: Revision) -> dict[str, object]:
        if not revision.modern:
            return {}
        ttl_ms, cache_scope = shaping.NOT_CACHED
        return {
            "resultType": "complete",
            "ttlMs": ttl_ms,
            "cacheScope": cache_scope,
            "_meta": {SERVER_INFO_KEY: self.server_info},
        }


Shape = Callable[[Mapping[str, object], Revision], dict[str, object]]
_LISTS: dict[str, tuple[str, Callable[[PlanDocument], tuple[Component, ...]], Shape]] = {
    "tools/list": ("tools", lambda document: document.tools, shaping.tool),
    "resources/list": ("resources", lambda document: document.resources, shaping.resource),
    "resources/templates/list": (
        "resourceTemplates",
        lambda document: document.resource_templates,
        shaping.resource,
    ),
    "prompts/list": ("prompts", lambda document: document.prompts, shaping.prompt),
}
LIST_METHODS = frozenset(_LISTS)
_KINDS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resource_templates",
    "prompts/list": "prompts",
    COMPLETE: "completions",
    INITIALIZE: "initialize",
    NOTIFICATIONS: "notifications",
}
"""What members are asked or told each time, as `Member.varying` names it."""
LIST_KEYS = {method: key for method, (key, _, _) in _LISTS.items()}


def _definitions(components: tuple[Component, ...]) -> list[dict[str, object]]:
    return [component.definition for component in components]


def _upstream(member: Member, sandboxes: Sandboxes, remotes: Remotes | None) -> Upstream:
    if member.worker is not None:
        return PythonUpstream(member.worker, sandboxes)
    if member.remote is not None and remotes is not None:
        return remotes.upstream(member.remote)
    api = remotes.apis.upstream(member.api) if member.api is not None and remotes is not None else None
    if member.static is not None:
        return StaticUpstream(member.static, api)
    if api is not None:
        return api
    raise PlanError(f"A member of kind {member.kind!r} cannot be served by this version of the gateway.")


def _behind(component: Component, key: str, upstreams: Sequence[Upstream]) -> Upstream:
    """Who answers for it."""
    upstream = upstreams[component.member]
    return HeldBack(upstream, name=_text(component, key), reason=component.held) if component.held else upstream


def _guard(component: Component, document: PlanDocument, windows: Windows) -> Guard | None:
    if not component.policies:
        return None
    if not all(0 <= index < len(document.policies) for index in component.policies):
        raise PlanError("A tool names a policy that the plan does not have.")
    policies = [document.policies[index] for index in component.policies]
    return Guard(_text(component, "name"), policies, endpoint_id=document.endpoint_id, windows=windows)


def _tool(component: Component, upstream: Upstream, member: Member, guard: Guard | None, *, tasks: bool) -> Tool:
    if component.held:  # no argument is right for it, and it is no task
        held = HeldBack(upstream, name=_text(component, "name"), reason=component.held)
        return Tool(held, component.upstream_name, None, (), guard=guard)
    schema = component.definition.get("inputSchema")
    fault = None
    marks: tuple[param_headers.Mark, ...] = ()
    validator = None
    try:
        marks = param_headers.marks(schema)
        if member.strict_input:
            validator = compile_schema(schema)
    except (param_headers.MarkError, SchemaError) as error:
        fault = str(error)
    traits = task_traits(component.definition) if tasks else None
    if component.fixed or component.hidden:
        upstream = WithheldArguments(upstream, fixed=component.fixed, hidden=component.hidden)
    if guard is not None:
        upstream = guard.bounded(upstream)
    return Tool(upstream, component.upstream_name, validator, marks, fault, traits, guard)


def _template(component: Component, upstream: Upstream) -> Template:
    template = _text(component, "uriTemplate")
    try:
        matcher = UriTemplate(template)
    except TemplateError as error:
        raise PlanError(str(error)) from None
    return Template(upstream, matcher, None if component.upstream_name == template else component.upstream_name)


def _prompt(component: Component, upstream: Upstream) -> Prompt:
    arguments = component.definition.get("arguments")
    required = frozenset(
        str(one["name"])
        for one in (arguments if isinstance(arguments, (list, tuple)) else ())
        if isinstance(one, dict) and one.get("required") and "name" in one
    )
    return Prompt(upstream, component.upstream_name, required)


def _text(component: Component, key: str) -> str:
    value = component.definition.get(key)
    if not isinstance(value, str):
        raise PlanError(f"A component has no {key}.")
    return value


class SchemaError(ValueError):
    """The schema cannot be used to judge arguments."""


def compile_schema(schema: object) -> jsonschema_rs.Validator:
    """A validator that fetches nothing and whose patterns take linear time (PROTOCOL T-03). Raises SchemaError."""
    if not isinstance(schema, dict):
        raise SchemaError("The input schema is not an object.")
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError):
        raise SchemaError("The input schema is not JSON.") from None
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaError(f"The input schema is longer than {MAX_SCHEMA_BYTES} bytes.")
    if _depth(schema) > MAX_SCHEMA_DEPTH:
        raise SchemaError(f"The input schema nests deeper than {MAX_SCHEMA_DEPTH} levels.")
    try:
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaError(f"The input schema cannot be used: {str(error).splitlines()[0]}") from None


def _depth(schema: object) -> int:
    depth = 0
    level: list[object] = [schema]
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, (dict, list, tuple))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth
