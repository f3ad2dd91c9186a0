"""Which policies each tool of a plan has: decided when it is compiled, so that a call has nothing to look up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from controlplane.composition.document import Composition, PolicySpec
from controlplane.composition.errors import CompileError
from controlplane.composition.findings import Findings
from controlplane.composition.selection import matcher, tags_of
from mcp_runtime.ports.plans import Callers, Component, Policy
from tenants.roles import PERMISSIONS


def governed(
    composition: Composition, tools: Sequence[Component], findings: Findings, *, strict: bool
) -> tuple[tuple[Policy, ...], tuple[Component, ...]]:
    """The policies as gateways take them, and the tools with theirs."""
    if not composition.policies:
        return (), tuple(tools)
    governing: list[list[int]] = [[] for _ in tools]
    for index, spec in enumerate(composition.policies):
        with findings.collected():
            wanted = _selector(spec, f"$.policies[{index}]")
            _look_at(spec, tools, f"$.policies[{index}]", findings, strict=strict)
            for position, tool in enumerate(tools):
                if wanted(tool):
                    governing[position].append(index)
    return (
        tuple(_policy(spec) for spec in composition.policies),
        tuple(
            msgspec.structs.replace(tool, policies=tuple(indices)) if indices else tool
            for tool, indices in zip(tools, governing, strict=True)
        ),
    )


def _selector(spec: PolicySpec, where: str) -> Callable[[Component], bool]:
    if not spec.tools:
        return lambda tool: True
    matches = matcher(spec.tools, f"{where}.tools")
    return lambda tool: matches((str(tool.definition["name"]),), tags_of(tool.definition))


def _look_at(spec: PolicySpec, tools: Sequence[Component], where: str, findings: Findings, *, strict: bool) -> None:
    """A policy that misses its tool protects nothing, so whoever writes one is told. Raises CompileError."""
    unknown = sorted(set(spec.scopes) - PERMISSIONS)
    if unknown:
        raise CompileError(
            f"'{unknown[0]}' is no scope.",
            hint=f"Scopes are: {', '.join(sorted(PERMISSIONS))}.",
            where=f"{where}.scopes",
        )
    offered = {str(tool.definition["name"]) for tool in tools}
    for name in spec.tools.names:
        if name not in offered:
            findings.add(
                "error" if strict else "warning",
                "unknown_tool",
                f"The policy '{spec.name}' is for a tool '{name}', which the endpoint does not have.",
                f"Name tools as clients see them: {', '.join(sorted(offered)[:20]) or 'there are none'}.",
                f"{where}.tools.names",
            )


def _policy(spec: PolicySpec) -> Policy:
    return Policy(
        name=spec.name,
        allow=None if spec.allow is None else Callers(spec.allow.subjects, spec.allow.roles),
        deny=None if spec.deny is None else Callers(spec.deny.subjects, spec.deny.roles),
        scopes=spec.scopes,
        rate=spec.rate,
        seconds=spec.seconds,
        max_bytes=spec.max_bytes,
    )
