"""What an authorization server of an author's own offers besides logging in, by the SDK's names."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ("ClientRegistrationOptions", "RevocationOptions")


@dataclass(frozen=True)
class ClientRegistrationOptions:
    """Whether clients may register themselves, and which scopes there are."""

    enabled: bool = False
    valid_scopes: list[str] | None = None
    default_scopes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RevocationOptions:
    enabled: bool = False
