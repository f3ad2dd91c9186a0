"""Which definitions of a member an endpoint lets through, where it holds what nobody approved.

Clients and models act on what definitions say, so a server that changes one after it was looked at changes what they
do (SECURITY 1.4, "rug pull"). Definitions are recognised by the digest of their canonical JSON. Pure functions: what
was decided about which definition is read and written by `approvals`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mcp_runtime.connectors.held import Reason
from mcp_runtime.ports.workers import KEYS, Manifest

INSTRUCTIONS = "instructions"
"""What a server tells models about itself is held like a definition. It is its own kind and its own name."""

Definition: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a component."""

    approved: Definition | None
    refused: str = ""
    """The digest of the definition that was refused."""


Decisions: TypeAlias = Mapping[tuple[str, str], Decided]
"""By kind and name."""


@dataclass(frozen=True, slots=True)
class Held:
    """A definition that waits to be approved, or was refused."""

    server: str
    kind: str
    """A key of KEYS, or INSTRUCTIONS."""
    name: str
    """As its server calls it."""
    reason: Reason
    definition: Definition
    approved: Definition | None
    """What it takes the place of; None where there was nothing."""

    @property
    def id(self) -> str:
        """Names this definition of this component: another one of the same component has another."""
        return hashlib.sha256(_canonical([self.server, self.kind, self.name, self.definition])).hexdigest()[:32]

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs."""
        before = self.approved or {}
        keys = before.keys() | self.definition.keys()
        return tuple(sorted(key for key in keys if before.get(key) != self.definition.get(key)))

    @property
    def diff(self) -> str:
        """From what was approved to what the server says now, as lines that begin with `-`, `+` or a space."""
        before, after = ([] if one is None else _lines(one) for one in (self.approved, self.definition))
        return "\n".join(list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:])


def digest_of(definition: Definition) -> str:
    """SHA-256 of its canonical JSON: neither the order of its keys nor white space is part of it."""
    return hashlib.sha256(_canonical(definition)).hexdigest()


def definitions_of(manifest: Manifest) -> Iterator[tuple[str, str, Definition]]:
    """Kind, name and definition of all that a server says about itself."""
    for kind, key in KEYS.items():
        for definition in getattr(manifest, kind):
            yield kind, str(definition[key]), definition
    if manifest.instructions:
        yield INSTRUCTIONS, INSTRUCTIONS, {"text": manifest.instructions}


def held(server: str, kind: str, name: str, definition: Definition, decisions: Decisions | None) -> Held | None:
    """Why this definition is not let through; None where it is. Without `decisions` nothing is held."""
    if decisions is None:
        return None
    decided = decisions.get((kind, name))
    if decided is None:
        return Held(server, kind, name, "new", definition, None)
    digest = digest_of(definition)
    if decided.refused == digest:
        return Held(server, kind, name, "refused", definition, decided.approved)
    if decided.approved is None:
        return Held(server, kind, name, "new", definition, None)
    if digest_of(decided.approved) == digest:
        return None
    return Held(server, kind, name, "changed", definition, decided.approved)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _lines(definition: Definition) -> list[str]:
    return json.dumps(definition, indent=2, sort_keys=True, ensure_ascii=False).split("\n")
