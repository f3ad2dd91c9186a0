"""Where components come from beside a server's own: what a mounted server and a provider have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from mcp_runtime.framework.components.base import Component

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("KINDS", "LIST_METHODS", "Kind", "Source")

Kind = Literal["tools", "resources", "resourceTemplates", "prompts"]
"""The kinds of components, by the member that holds them in the answer to their list request."""

KINDS: tuple[Kind, ...] = ("tools", "resources", "resourceTemplates", "prompts")
LIST_METHODS: dict[Kind, str] = {
    "tools": "tools/list",
    "resources": "resources/list",
    "resourceTemplates": "resources/templates/list",
    "prompts": "prompts/list",
}


class Source(Protocol):
    """Components of elsewhere, under the names they have here."""

    def known(self, kind: Kind) -> Sequence[Component] | None:
        """The components; None if they have to be loaded first."""

    async def load(self, kind: Kind) -> None:
        """Make them known."""

    async def refresh(self, kind: Kind) -> bool:
        """Somebody asked for one that is not there: look again. Whether there is anything new."""

    def hidden(self, kind: Kind) -> Collection[str]:
        """Keys of components that are there and not offered."""

    def expires(self, kind: Kind) -> float | None:
        """The monotonic time from which they are to be loaded again; None for as long as nothing changes."""

    def dynamic(self, kind: Kind) -> bool:
        """Whether the list differs from request to request."""

    @property
    def beats_others(self) -> bool:
        """Whether its components go before others of the same key that were there before."""

    def varies(self, kind: Kind) -> bool:
        """Whether callers may see different lists."""

    @property
    def asks_each_time(self) -> bool:
        """Whether components are not known, and have to be found for every request."""

    async def listed(self, kind: Kind, context: Context) -> Sequence[Component]:
        """The list for this request."""

    async def find(self, kind: Kind, key: str) -> Component | None:
        """One that is there without being listed."""

    async def start(self) -> None:
        """Get ready to answer."""

    async def stop(self) -> None:
        """Let go of what is held."""
