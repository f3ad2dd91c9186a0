"""Who gets which name: prefixes, conflicts, and names that clients refuse.

When two members offer the same name, both are prefixed and neither keeps it. Were it the first one's, a server that
starts to offer a tool of that name would silently take the calls meant for the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from controlplane.composition.document import Composition, Prefix
from controlplane.composition.findings import Findings
from controlplane.composition.naming import fitted, told_apart, why_unfit
from controlplane.composition.overrides import Overridden
from mcp_runtime.connectors.held import Reason


@dataclass(frozen=True, slots=True)
class Claim:
    """A component that wants a public name (or URI, or URI template)."""

    own: str
    """As its server calls it."""
    long: str
    """With its prefix."""
    prefix: Prefix
    chosen: str | None
    """The name that an override gives: no prefix, no change."""
    server: str
    member: int
    where: str
    shown: Overridden
    fits: bool
    """Whether a name that clients refuse is changed."""
    name: str = ""
    """The public one, once it is settled."""
    held: Reason | Literal[""] = ""
    """Why it may not be called."""

    @property
    def wish(self) -> str:
        return self.chosen or (self.long if self.prefix == "always" else self.own)


def settle(kind: str, claims: Sequence[Claim], composition: Composition, findings: Findings) -> list[Claim]:
    """Every claim with its name, in the order of the claims. Names that stay disputed are errors."""
    wanted = Counter(claim.wish for claim in claims)
    named = [_prefixed_if_disputed(claim, wanted, kind, findings) for claim in claims]
    if kind == "tool":
        named = _apart([_fit(claim, findings) for claim in named], findings)
    _refuse_duplicates(kind, named, findings)
    return named


def _prefixed_if_disputed(claim: Claim, wanted: Counter[str], kind: str, findings: Findings) -> Claim:
    name = claim.wish
    if claim.chosen is None and claim.prefix == "on_conflict" and wanted[name] > 1:
        findings.note(
            "prefixed",
            f"The {kind} '{name}' is offered more than once: that of '{claim.server}' is called '{claim.long}'.",
            claim.where,
        )
        name = claim.long
    return replace(claim, name=name)


def _fit(claim: Claim, findings: Findings) -> Claim:
    reason = why_unfit(claim.name)
    if reason is None:
        return claim
    if claim.chosen is not None and claim.fits:
        findings.add(
            "error",
            "unfit_name",
            f"'{claim.chosen[:80]}' cannot be a tool's name: {reason}.",
            "Use up to 64 letters, digits, '_' and '-', or set names to 'keep'.",
            f"{claim.where}.name",
        )
        return claim
    if not claim.fits:
        findings.warn(
            "unfit_name",
            f"The tool '{claim.name[:80]}' keeps its name, but {reason}.",
            "Set names to 'fit', or give the tool another name with an override.",
            claim.where,
        )
        return claim
    name = fitted(claim.name)
    findings.note("renamed", f"The tool '{claim.name[:200]}' is called '{name}': {reason}.", claim.where)
    return replace(claim, name=name)


def _apart(claims: list[Claim], findings: Findings) -> list[Claim]:
    """Two names that became one by being made to fit get digests; those that fitted all along keep theirs."""
    taken = Counter(claim.name for claim in claims)
    return [
        replace(claim, name=told_apart(claim.name, f"{claim.server}/{claim.own}"))
        if taken[claim.name] > 1 and claim.fits and claim.chosen is None and claim.name not in (claim.own, claim.long)
        else claim
        for claim in claims
    ]


def _refuse_duplicates(kind: str, claims: Sequence[Claim], findings: Findings) -> None:
    owners: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        owners[claim.name].append(claim)
    for name, several in owners.items():
        if len(several) < 2:
            continue
        first, second = several[:2]
        if first.server == second.server:
            who = f"'{first.server}' twice, as '{first.own}' and '{second.own}'"
        else:
            who = f"both '{first.server}' and '{second.server}'"
        findings.add(
            "error",
            "cannot_compile",
            f"The {kind} '{name}' is offered by {who}.",
            "Let prefix be 'on_conflict' or 'always' for one of them, exclude one, or give one another name.",
            second.where,
        )
