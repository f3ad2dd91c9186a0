"""What an authorization server remembers: clients, requests for authorization, codes, refresh tokens (OAuth 2.1)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Self

__all__ = ("AuthorizationCode", "AuthorizationParams", "OAuthClient", "OAuthToken", "RefreshToken", "digest")


def digest(secret: str) -> str:
    """How a secret of high entropy is stored."""
    return sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class OAuthClient:
    """A registered client (RFC 7591). Of its secret, where it has one, only the digest is kept."""

    client_id: str
    redirect_uris: list[str]
    client_name: str | None = None
    client_uri: str | None = None
    token_endpoint_auth_method: str = "none"  # noqa: S105 - the name of a method
    grant_types: list[str] = field(default_factory=lambda: ["authorization_code", "refresh_token"])
    response_types: list[str] = field(default_factory=lambda: ["code"])
    scope: str | None = None
    application_type: str | None = None
    client_id_issued_at: int = 0
    client_secret_digest: str | None = field(default=None, repr=False)

    def knows_secret(self, secret: str) -> bool:
        return self.client_secret_digest is not None and compare_digest(self.client_secret_digest, digest(secret))

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    def as_answer(self) -> dict[str, Any]:
        """What a registration is answered with, without the secret."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        found.pop("client_secret_digest", None)
        return found


@dataclass(frozen=True, kw_only=True)
class AuthorizationParams:
    """A request for authorization that was found to be in order."""

    state: str | None
    scopes: list[str]
    code_challenge: str
    redirect_uri: str
    redirect_uri_provided_explicitly: bool = True
    resource: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuthorizationCode:
    code: str = field(repr=False)
    client_id: str
    redirect_uri: str
    code_challenge: str
    scopes: list[str]
    expires_at: float
    redirect_uri_provided_explicitly: bool = True
    resource: str | None = None
    grant_id: str = ""

    def expired(self) -> bool:
        return self.expires_at <= time.time()


@dataclass(frozen=True, kw_only=True)
class RefreshToken:
    token: str = field(repr=False)
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    grant_id: str = ""


@dataclass(frozen=True, kw_only=True)
class OAuthToken:
    """An answer of the token endpoint."""

    access_token: str = field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind
    expires_in: int | None = None
    scope: str | None = None
    refresh_token: str | None = field(default=None, repr=False)

    def as_answer(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}
