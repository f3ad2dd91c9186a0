"""Compile an endpoint into the plan that gateways serve. A pure function: no database, no clock, no I/O.

What it answers *is* the preview (ARCHITECTURE 6.9): the dashboard shows its output, gateways load its output. All that
a call would otherwise have to decide is decided here: which member a name belongs to, what it is called there, which
arguments it always has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from controlplane.composition.document import Composition, MemberSpec, ToolOverride
from controlplane.composition.errors import CompileError
from controlplane.composition.findings import Finding, Findings
from controlplane.composition.holding import INSTRUCTIONS, Decisions, Held, held
from controlplane.composition.names import Claim, settle
from controlplane.composition.naming import fitted, prefixed, prefixed_uri, why_unfit
from controlplane.composition.overrides import Overridden, overridden
from controlplane.composition.policies import governed
from controlplane.composition.selection import selector
from controlplane.composition.soundness import check
from mcp_runtime.connectors.held import Reason
from mcp_runtime.gateway.searching import CALL, SEARCH
from mcp_runtime.ports.apis import Api
from mcp_runtime.ports.plans import Component, Member, PlanDocument, Remote
from mcp_runtime.ports.statics import Static
from mcp_runtime.ports.workers import KEYS, Manifest, Worker

__all__ = ("CompileError", "Compiled", "MountedServer", "compile_plan")

_KINDS = {"tools": "tool", "resources": "resource", "resource_templates": "resource template", "prompts": "prompt"}


@dataclass(frozen=True, slots=True)
class MountedServer:
    """One server as an endpoint sees it: its identity, the revision to run and what that revision offers."""

    server_id: str
    slug: str
    kind: str
    worker: Worker | None
    manifest: Manifest
    remote: Remote | None = None
    api: Api | None = None
    static: Static | None = None
    decisions: Decisions | None = None
    """What the endpoint lets through of it; None lets everything through."""

    @property
    def instructions(self) -> str | None:
        """What it tells models about itself, as the endpoint passes it on."""
        said = self.manifest.instructions
        waiting = _held_instructions(self)
        if waiting is None:
            return said
        approved = waiting.approved if waiting.reason == "changed" else None
        return str(approved["text"]) if approved else None


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of it. `plan` is what would be served; None when there is an error among the findings."""

    plan: PlanDocument | None
    findings: tuple[Finding, ...]
    members: tuple[MountedServer, ...]
    """The servers behind `plan.members`, in their order."""
    held: tuple[Held, ...] = ()
    """What is kept from clients until somebody approves it."""

    def served(self) -> PlanDocument:
        """The plan. Raises CompileError with the first fault there is."""
        for finding in self.findings:
            if finding.severity == "error":
                raise CompileError(finding.message, hint=finding.hint, where=finding.where)
        assert self.plan is not None
        return self.plan


def compile_plan(
    *,
    tenant_id: str,
    tenant: str,
    endpoint_id: str,
    endpoint: str,
    version: int,
    composition: Composition,
    servers: Mapping[str, MountedServer | CompileError],
    strict: bool = False,
) -> Compiled:
    """The plan of a composition behind `/t/<tenant>/<endpoint>/mcp`, and what there is to say about it.

    `servers` are the members that have something to serve, by name, or why one cannot be; those without a revision
    are left out and reported. `strict` is for what a person wrote just now: an override of a tool that is not there is
    then an error. It is none when a server changed below a composition that was right, or nobody could remove a tool.
    """
    findings = Findings()
    claims: dict[str, list[Claim]] = {kind: [] for kind in KEYS}
    kept: list[Claim] = []
    waiting: list[Held] = []
    present: list[MountedServer] = []
    for position, member in enumerate(composition.members):
        where = f"$.members[{position}]"
        server = servers.get(member.server)
        if isinstance(server, CompileError):
            findings.add("error", server.code, server.message, server.hint, f"{where}{server.where}")
            continue
        if server is None:
            findings.warn(
                "not_built",
                f"'{member.server}' has no revision to serve and is left out.",
                "Deploy it; endpoints that mount it are published again by themselves.",
                f"{where}.server",
            )
            continue
        present.append(server)
        with findings.collected():
            part = _Part(member, server, len(present) - 1, where, composition, kept, waiting)
            _contribute(claims, part, findings, strict=strict)
    components = {
        kind: tuple(_component(claim, KEYS[kind]) for claim in settle(_KINDS[kind], found, composition, findings))
        for kind, found in claims.items()
    }
    _reserve(composition, components["tools"], findings)
    policies, tools = governed(composition, components["tools"], findings, strict=strict)
    name, server_version, instructions = _introduction(endpoint, version, composition, present)
    plan = PlanDocument(
        tenant_id=tenant_id,
        tenant=tenant,
        endpoint_id=endpoint_id,
        endpoint=endpoint,
        version=version,
        server_name=name,
        server_version=server_version,
        instructions=instructions,
        members=tuple(_member(server) for server in present),
        tools=tools,
        resources=components["resources"],
        resource_templates=components["resource_templates"],
        prompts=components["prompts"],
        present=composition.present,
        policies=policies,
        held=_kept(kept, tools),
    )
    if not findings.errors:
        with findings.collected():
            check(plan)
    return Compiled(None if findings.errors else plan, findings.all(), tuple(present), tuple(waiting))


def _reserve(composition: Composition, tools: Sequence[Component], findings: Findings) -> None:
    """The endpoint's own two tools have their names to themselves."""
    for tool in tools if composition.present == "search" else ():
        name = tool.definition["name"]
        if name in (SEARCH, CALL):
            findings.add(
                "error",
                "name_taken",
                f"A member has a tool '{name}', which is the endpoint's own while it presents a search.",
                "Give that tool another name with an override, or exclude it.",
                "$.present",
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """One member with all that its contribution depends on."""

    spec: MemberSpec
    server: MountedServer
    index: int
    where: str
    composition: Composition
    kept: list[Claim]
    """Tools that clients are not shown."""
    waiting: list[Held]


def _contribute(claims: dict[str, list[Claim]], part: _Part, findings: Findings, *, strict: bool) -> None:
    wanted = selector(part.spec, part.where)
    manifest = part.server.manifest
    before = len(part.waiting)
    taken = 0
    for kind, key in KEYS.items():
        definitions: list[dict[str, object]] = getattr(manifest, kind)
        for said in definitions:
            waits = held(part.server.slug, kind, str(said[key]), said, part.server.decisions)
            # What was approved stays in sight, so that a change can neither rename nor hide anything by itself.
            shown = waits.approved if waits is not None and waits.approved is not None else said
            if not wanted(shown, key):
                continue
            taken += 1
            if waits is not None:
                part.waiting.append(waits)
            with findings.collected():
                if waits is None or waits.reason == "changed":
                    claims[kind].append(_claim(kind, key, shown, part, held="" if waits is None else waits.reason))
                elif kind == "tools":
                    bare: dict[str, object] = {"name": said[key], "inputSchema": {"type": "object"}}
                    part.kept.append(_claim(kind, key, bare, part, held=waits.reason))
    instructions = _held_instructions(part.server)
    if instructions is not None:
        part.waiting.append(instructions)
    if len(part.waiting) > before:
        findings.warn(
            "held",
            f"What '{part.spec.server}' changed is held: {len(part.waiting) - before} of its definitions.",
            "Look at the changes and approve or refuse them: stoa endpoints held.",
            part.where,
        )
    offered = {str(tool["name"]) for tool in manifest.tools}
    for name in part.spec.tools.keys() - offered:
        tools = ", ".join(f"'{tool}'" for tool in sorted(offered)[:20]) or "none"
        findings.add(
            "error" if strict else "warning",
            "unknown_tool",
            f"'{part.spec.server}' has no tool '{name}' to override.",
            f"Its tools are: {tools}.",
            f"{part.where}.tools.{name}",
        )
    if not taken and (part.spec.include or part.spec.exclude):
        findings.warn(
            "nothing_selected",
            f"The rules take nothing of what '{part.spec.server}' offers.",
            "Look at include and exclude: a rule's names, tags and patterns are compared with whole names.",
            part.where,
        )


def _held_instructions(server: MountedServer) -> Held | None:
    said = server.manifest.instructions
    return held(server.slug, INSTRUCTIONS, INSTRUCTIONS, {"text": said}, server.decisions) if said else None


def _kept(claims: Sequence[Claim], tools: Sequence[Component]) -> tuple[Component, ...]:
    """Tools that are not shown, under the names that they would have. No name of another one is taken from it."""
    names = {str(tool.definition["name"]) for tool in tools}
    found: dict[str, Component] = {}
    for claim in claims:
        name = fitted(claim.wish) if claim.fits and why_unfit(claim.wish) else claim.wish
        if name not in names:
            found.setdefault(name, _component(replace(claim, name=name), KEYS["tools"]))
    return tuple(found.values())


def _claim(
    kind: str, key: str, definition: dict[str, object], part: _Part, *, held: Reason | Literal[""] = ""
) -> Claim:
    own = str(definition[key])
    prefix_of = prefixed if key == "name" else prefixed_uri
    override = part.spec.tools.get(own, _NO_OVERRIDE) if kind == "tools" else _NO_OVERRIDE
    if override is _NO_OVERRIDE or held in ("new", "refused"):
        shown = Overridden(definition, {}, ())
    else:
        shown = overridden(definition, override, where=f"{part.where}.tools.{own}")
    return Claim(
        own=own,
        long=prefix_of(part.spec.word, own),
        prefix=part.spec.prefix or part.composition.prefix,
        chosen=override.name,
        server=part.server.slug,
        member=part.index,
        where=f"{part.where}.tools.{own}" if override.name else part.where,
        shown=shown,
        fits=kind == "tools" and part.composition.names == "fit",
        held=held,
    )


def _component(claim: Claim, key: str) -> Component:
    definition = claim.shown.definition
    if claim.name != claim.own:
        definition = {**definition, key: claim.name}
    return Component(
        definition=definition,
        member=claim.member,
        upstream_name=claim.own,
        fixed=claim.shown.fixed,
        hidden=claim.shown.hidden,
        held=claim.held,
    )


def _member(server: MountedServer) -> Member:
    manifest = server.manifest
    return Member(
        server.server_id,
        server.kind,
        server.worker,
        manifest.strict_input,
        server.remote,
        varying=tuple(manifest.varying),
        api=server.api,
        static=server.static,
    )


def _introduction(
    endpoint: str, version: int, composition: Composition, servers: Sequence[MountedServer]
) -> tuple[str, str, str | None]:
    """How the endpoint introduces itself: as its only server does, or under its own name."""
    if len(composition.members) == 1 and len(servers) == 1:
        manifest = servers[0].manifest
        instructions = servers[0].instructions if composition.instructions is None else composition.instructions
        return manifest.name, manifest.version or str(version), instructions or None
    if composition.instructions is not None:
        return endpoint, str(version), composition.instructions or None
    said = [f"{server.slug}: {server.instructions}" for server in servers if server.instructions]
    return endpoint, str(version), "\n\n".join(said) or None


_NO_OVERRIDE = ToolOverride()
