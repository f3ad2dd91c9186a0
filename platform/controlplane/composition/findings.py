"""What the compiler has to say about an endpoint: errors, warnings and notes, each with its place and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from controlplane.composition.errors import CompileError

MAX_FINDINGS = 200
"""More are counted, not kept: a document that is wrong throughout is told so often enough."""

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    """Only an error keeps the endpoint from being published."""
    code: str
    message: str
    hint: str
    where: str
    """A path in the composition, where it is about one."""


class Findings:
    def __init__(self) -> None:
        self._found: list[Finding] = []
        self.errors = 0

    def add(self, severity: Severity, code: str, message: str, hint: str, where: str) -> None:
        self.errors += severity == "error"
        if len(self._found) < MAX_FINDINGS or (severity == "error" and self.errors == 1):
            self._found.append(Finding(severity, code, message, hint, where))

    def warn(self, code: str, message: str, hint: str, where: str) -> None:
        self.add("warning", code, message, hint, where)

    def note(self, code: str, message: str, where: str) -> None:
        self.add("note", code, message, "", where)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """An error of one part does not hide those of the others."""
        try:
            yield
        except CompileError as error:
            self.add("error", error.code, error.message, error.hint, error.where)

    def all(self) -> tuple[Finding, ...]:
        """Errors first."""
        order: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
        return tuple(sorted(self._found, key=lambda finding: order[finding.severity]))
