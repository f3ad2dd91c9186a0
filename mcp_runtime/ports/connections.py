"""The connections port: whose credential at an upstream a call uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lent:
    """An access token, lent for a moment."""

    connection_id: str
    token: str = field(repr=False)


class ConnectionNeeded(Exception):
    """Somebody has to log in at the upstream first, at an address of ours that leads there."""

    def __init__(self, server: str, url: str) -> None:
        super().__init__(f"Nobody is connected to {server}: open {url} and log in.")
        self.server = server
        self.url = url


class Connections(Protocol):
    """Asked at most every few seconds for each caller."""

    async def lent(self, tenant_id: str, server_id: str, subject: str, *, url: str, refused: str = "") -> Lent | None:
        """The token with which this caller calls the server at `url`; None where it takes no connections.

        A token goes to the address that it was given for, and to no other one that the server may have by now.
        `refused` is a token that the upstream did not take: another one is had, or a log-in is needed.
        Raises ConnectionNeeded, ClientError when the authorization server cannot be asked.
        """


class NoConnections:
    """For a runtime without a control plane."""

    async def lent(self, tenant_id: str, server_id: str, subject: str, *, url: str, refused: str = "") -> Lent | None:
        return None
