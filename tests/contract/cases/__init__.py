"""One case for each Python block of the document: its surroundings, and what the document says about it.

Cases are functions registered under their block's number, with the rows of the FastMCP inventory that they show.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.document import Stage

Act = Callable[["Stage"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    number: int
    rows: tuple[str, ...]
    status: str
    act: Act

    @property
    def title(self) -> str:
        return f"{self.number:02}-{self.act.__name__}"


def case(number: int, *rows: str, status: str = "same") -> Callable[[Act], Act]:
    """Register a case. `status` as in the marker: `document` where ours follows the document and not the library."""

    def register(act: Act) -> Act:
        assert number not in _cases, f"Block {number} has two cases."
        _cases[number] = Case(number, rows, status, act)
        return act

    return register


def cases() -> list[Case]:
    """All of them, in the order of the document."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    return [_cases[number] for number in sorted(_cases)]


_cases: dict[int, Case] = {}
