"""What happened at a sign-in, step by step. Nothing secret is ever put in: no code, token, verifier or secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from controlplane.outbound import FetchError
from controlplane.providers.errors import SignInRefused

MAX_TEXT: Final = 300
MAX_CLAIMS: Final = 60
HIDDEN: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid", "access_token", "refresh_token"})
"""Claims of no use to who looks for a fault, or of use to who should not."""


@dataclass
class Trace:
    steps: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A failure inside is noted with its message, and goes on up. What cannot be fetched refuses the sign-in."""
        step = Step(name)
        try:
            yield step
        except FetchError as error:
            self._add(step, str(error), ok=False)
            raise SignInRefused(f"The provider did not answer as it should: {error}") from error
        except SignInRefused as error:
            self._add(step, str(error), ok=False)
            raise
        self._add(step, step.detail, ok=True)

    def show(self, claims: Mapping[str, Any]) -> None:
        """The claims, cut where they are long: a person looks at them."""
        for name, value in list(claims.items())[:MAX_CLAIMS]:
            if name not in HIDDEN:
                self.claims[_cut(name)] = _shown(value)

    def _add(self, step: Step, detail: str, *, ok: bool) -> None:
        self.steps.append({"step": step.name, "ok": ok, "detail": _cut(detail)})


@dataclass
class Step:
    name: str
    detail: str = ""


def _shown(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, list):
        return [_shown(item) if not isinstance(item, list | dict) else "…" for item in value[:50]]
    return _cut(str(value))


def _cut(text: str) -> str:
    """PostgreSQL's JSON takes no NUL."""
    text = text.replace("\0", "")
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
