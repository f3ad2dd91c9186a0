"""Who somebody is, as a provider says: read out of claims, each kind in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.providers.kinds import KINDS
from controlplane.providers.models import Provider
from controlplane.providers.tokens import BadToken

MAX_SUBJECT = 255
MAX_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Person:
    issuer: str
    subject: str
    email: str
    """Empty when the provider told none."""
    email_verified: bool
    name: str
    groups: frozenset[str]
    groups_known: bool = True
    """False when the provider said that there are more than it lists (Entra ID's overage)."""


def person_in(claims: Mapping[str, Any], provider: Provider) -> Person:
    """Raises BadToken."""
    kind = KINDS[provider.kind]
    for claim, setting in kind.require.items():
        wanted = provider.settings.get(setting, "")
        if wanted and claims.get(claim) != wanted:
            raise BadToken(f"The claim {claim!r} is not {wanted!r}: this person belongs elsewhere.")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > MAX_SUBJECT or "\0" in subject:
        raise BadToken("The claims name no subject.")
    email = _text(claims.get("email"))
    groups = claims.get(provider.settings.get("groups_claim") or kind.groups)
    return Person(
        issuer=str(claims["iss"]),
        subject=subject,
        email=email if "@" in email else "",
        email_verified=provider.trusts_email or _is_true(claims.get(kind.verified)),
        name=_text(claims.get("name")) or _text(claims.get("preferred_username")),
        groups=_groups(groups),
        groups_known=not _overflows(claims),
    )


def _groups(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    if not isinstance(value, list):
        return frozenset()
    return frozenset(item for item in value[:MAX_GROUPS] if isinstance(item, str))


def _overflows(claims: Mapping[str, Any]) -> bool:
    """Entra ID leaves groups out when there are too many, and names a place to ask instead. It is not asked: the
    address stands in the token."""
    elsewhere = claims.get("_claim_names")
    return claims.get("hasgroups") is True or (isinstance(elsewhere, dict) and "groups" in elsewhere)


def _is_true(value: object) -> bool:
    """Cognito writes the text "true", Entra ID also the number 1."""
    return value is True or value == "true" or (value == 1 and not isinstance(value, bool)) or value == "1"


def _text(value: object) -> str:
    return value.replace("\0", "").strip()[:250] if isinstance(value, str) else ""
