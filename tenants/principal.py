"""Who is calling. Every cache, limit, session, task, store and stream is keyed by it (SECURITY 0.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PrincipalKind = Literal["api_key", "user", "client", "platform"]


@dataclass(frozen=True, slots=True)
class Principal:
    """One authenticated caller inside one tenant."""

    tenant: str
    """The tenant's identifier, `ten_…`."""
    issuer: str
    """Who vouches for the subject: `stoa:keys` for API keys, else the issuer's URL."""
    subject: str
    """The subject at that issuer: `key_…`, `usr_…` or the issuer's own identifier."""
    kind: PrincipalKind
    client_id: str
    """The OAuth client, or the API key's identifier. Never what a client says about itself."""
    scopes: frozenset[str]
    roles: frozenset[str]
    audience: str
    """The endpoint (`ep_…`) the credential is good for; `*` for every endpoint of the tenant."""
    only: frozenset[str] = frozenset()
    """Patterns of the tools, prompts and resources that exist for it (`mcp_runtime.authorization.rights`); empty
    leaves nothing out."""
    networks: tuple[str, ...] = ()
    """Where its credential may be used, as CIDR blocks; empty is anywhere."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The part that says who, not what they may do: the key of caches, limits and stores."""
        return (self.tenant, self.issuer, self.subject, self.client_id)
