"""The kinds of identity provider, as data: what a tenant fills in, where that leads, and how each differs.

Everything a kind knows is what the provider's own documentation says. Whoever follows OpenID Connect Discovery needs
nothing but an issuer; the rest is in `quirks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Protocol = Literal["openid", "github", "workos", "jwt"]
"""How a sign-in goes: OpenID Connect; GitHub's OAuth; WorkOS' SSO, which gives a profile; or not at all, for an issuer
whose tokens are taken at endpoints."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to fill in, beside the client's identifier and secret."""

    name: str
    label: str
    help: str
    pattern: str
    """What a value must match as a whole."""
    example: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    label: str
    protocol: Protocol = "openid"
    settings: tuple[Setting, ...] = ()
    issuer: str = ""
    """Made of the settings. Byte for byte as the provider writes it: a missing slash is another issuer."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    authorize: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the authorization request, made of the settings; empty ones are left out."""
    require: Mapping[str, str] = field(default_factory=dict)
    """Claims that must have the value of a setting, where that is filled in."""
    groups: str = "groups"
    """The claim that lists a person's groups, unless the tenant names another."""
    verified: str = "email_verified"
    """The claim that says whether the address was verified."""
    secret_label: str = "Client secret"  # noqa: S105  a label
    guide: str = "openid-connect"

    def setting(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)

    def issuer_of(self, settings: Mapping[str, str]) -> str:
        return self.issuer.format_map(settings)


_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(?::[0-9]{1,5})?"
_URL = rf"https://{_HOST}(?:/[A-Za-z0-9._~/-]*)?"
_ISSUER = Setting("issuer", "Issuer", "As the provider's discovery document writes it.", _URL, "https://id.example.com")
_GROUPS = Setting(
    "groups_claim",
    "Groups claim",
    "The claim of the ID token that lists groups, if it has another name.",
    r"[\x21-\x7e]{1,200}",
    "https://example.com/groups",
    required=False,
)


def _domain(label: str, example: str) -> Setting:
    return Setting("domain", label, "The host only, without https:// and without a path.", _HOST, example)


def _optional(name: str, label: str, help: str, pattern: str, example: str) -> Setting:
    return Setting(name, label, help, pattern, example, required=False)


_ORGANIZATION = _optional(
    "organization",
    "Organization",
    "Only people of this organization sign in.",
    r"org_[A-Za-z0-9]{1,60}",
    "org_01HXYZABCDEF",
)

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "google",
            "Google",
            settings=(
                _optional(
                    "hosted_domain", "Workspace domain", "Only people of this domain sign in.", _HOST, "acme.com"
                ),
            ),
            issuer="https://accounts.google.com",
            # `hd` in the request is a wish that the person can change; what counts is the claim (`require`).
            authorize={"hd": "{hosted_domain}"},
            require={"hd": "hosted_domain"},
            guide="google",
        ),
        Kind(
            "github",
            "GitHub",
            protocol="github",
            settings=(
                _optional("host", "Enterprise host", "For GitHub Enterprise Server only.", _HOST, "github.acme.com"),
            ),
            issuer="https://github.com",
            scopes=("read:user", "user:email", "read:org"),
            guide="github",
        ),
        Kind(
            "entra",
            "Microsoft Entra ID",
            settings=(
                Setting(
                    "directory",
                    "Directory (tenant) ID",
                    "The directory's identifier; `organizations` for the people of any directory.",
                    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|organizations|common",
                    "72f988bf-86f1-41af-91ab-2d7cd011db47",
                ),
                _optional("cloud", "Sign-in host", "For national clouds only.", _HOST, "login.microsoftonline.us"),
            ),
            issuer="https://{cloud}/{directory}/v2.0",
            verified="xms_edov",
            guide="entra-id",
        ),
        Kind(
            "auth0",
            "Auth0",
            settings=(_domain("Domain", "acme.eu.auth0.com"), _GROUPS),
            issuer="https://{domain}/",
            guide="auth0",
        ),
        Kind(
            "workos",
            "WorkOS SSO",
            protocol="workos",
            settings=(
                Setting(
                    "organization",
                    "Organization",
                    "Whose people sign in.",
                    r"org_[A-Za-z0-9]{1,60}",
                    "org_01HXYZABCDEF",
                ),
            ),
            issuer="https://api.workos.com",
            scopes=(),
            authorize={"organization": "{organization}"},
            require={"organization_id": "organization"},
            secret_label="API key",  # noqa: S106  a label
            guide="workos",
        ),
        Kind(
            "authkit",
            "WorkOS AuthKit",
            settings=(_domain("AuthKit domain", "acme.authkit.app"), _ORGANIZATION),
            issuer="https://{domain}",
            authorize={"organization_id": "{organization}"},
            require={"org_id": "organization"},
            guide="workos",
        ),
        Kind(
            "descope",
            "Descope",
            settings=(
                Setting(
                    "issuer",
                    "Issuer",
                    "As the federated application shows it.",
                    _URL,
                    "https://api.descope.com/P2abcdefghijklmnopqrstuvwxyz",
                ),
                _GROUPS,
            ),
            issuer="{issuer}",
            groups="roles",
            guide="descope",
        ),
        Kind(
            "scalekit",
            "Scalekit",
            settings=(_domain("Environment", "acme.scalekit.com"), _ORGANIZATION),
            issuer="https://{domain}",
            authorize={"organization_id": "{organization}"},
            require={"oid": "organization"},
            guide="scalekit",
        ),
        Kind(
            "cognito",
            "AWS Cognito",
            settings=(
                Setting("region", "Region", "Where the user pool is.", r"[a-z]{2}(?:-[a-z]+)+-[0-9]", "eu-central-1"),
                Setting(
                    "user_pool",
                    "User pool ID",
                    "",
                    r"[a-z]{2}(?:-[a-z]+)+-[0-9]_[A-Za-z0-9]{1,55}",
                    "eu-central-1_AbCd",
                ),
            ),
            issuer="https://cognito-idp.{region}.amazonaws.com/{user_pool}",
            groups="cognito:groups",
            guide="cognito",
        ),
        Kind(
            "openid",
            "OpenID Connect",
            settings=(_ISSUER, _GROUPS),
            issuer="{issuer}",
        ),
        Kind(
            "jwt",
            "JWT issuer",
            protocol="jwt",
            settings=(
                _ISSUER,
                Setting(
                    "jwks_uri", "Key set", "Where its public keys are (JWKS).", _URL, "https://id.example.com/keys"
                ),
                Setting(
                    "audience",
                    "Audience",
                    "What a token's `aud` must name. Tokens for anything else are refused.",
                    r"[\x21-\x7e]{1,500}",
                    "https://mcp.example.com/t/acme",
                ),
                _optional(
                    "algorithms",
                    "Algorithms",
                    "Which of RS256, PS256, ES256, ES384 and EdDSA it signs with, with spaces between.",
                    r"(?:RS256|PS256|ES256|ES384|EdDSA)(?: (?:RS256|PS256|ES256|ES384|EdDSA))*",
                    "RS256",
                ),
                _GROUPS,
            ),
            issuer="{issuer}",
            scopes=(),
            guide="jwt-issuer",
        ),
    )
}

DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {"entra": {"cloud": "login.microsoftonline.com"}}
"""Settings that have a value when nothing is filled in."""


def fits(setting: Setting, value: str) -> bool:
    return re.fullmatch(setting.pattern, value, re.ASCII) is not None
