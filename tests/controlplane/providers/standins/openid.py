"""Providers that speak OpenID Connect, each with what its documentation says is special about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.controlplane.providers.standins.base import Asked, Code, Reply, Standin

DIRECTORY = "72f988bf-86f1-41af-91ab-2d7cd011db47"


@dataclass
class Google(Standin):
    """One issuer for everybody; a Workspace person's token names the domain in `hd`. It names itself in its answers."""

    def discovery(self) -> dict[str, Any]:
        return {**super().discovery(), "authorization_response_iss_parameter_supported": True}

    def authorization_response(self) -> dict[str, str]:
        return {"iss": self.issuer, "authuser": "0", "prompt": "none"}


@dataclass
class Entra(Standin):
    """One address for each directory, and one for all, whose document has a placeholder for the issuer. `email` is
    what the directory's admin wrote; only `xms_edov` says that the domain is theirs. Many groups are left out."""

    address: str = DIRECTORY
    groups_fit: bool = True

    @property
    def issuer(self) -> str:
        return f"{self.url}/{self.address}/v2.0"

    def discovery(self) -> dict[str, Any]:
        many = self.address in ("organizations", "common")
        issuer = f"{self.url}/{{tenantid}}/v2.0" if many else self.issuer
        return {
            **super().discovery(),
            "issuer": issuer,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def claims(self, code: Code) -> dict[str, Any]:
        claims = super().claims(code)
        directory = claims.setdefault("tid", DIRECTORY)
        claims["iss"] = f"{self.url}/{directory}/v2.0"
        claims["ver"] = "2.0"
        claims.pop("email_verified", None)
        if not self.groups_fit:
            del claims["groups"]
            claims["_claim_names"] = {"groups": "src1"}
            claims["_claim_sources"] = {"src1": {"endpoint": f"{self.url}/users/someone/getMemberObjects"}}
        return claims


@dataclass
class Auth0(Standin):
    """Its issuer ends in a slash; an application's own claims have an address as their name."""

    @property
    def issuer(self) -> str:
        return f"{self.url}/"


@dataclass
class AuthKit(Standin):
    """An organization is asked for by identifier, and named in the token."""

    def authorize(self, asked: Asked) -> Reply:
        if asked.query.get("organization_id", "").startswith("org_other"):
            return Reply(400, {"error": "organization_not_found"})
        return super().authorize(asked)


@dataclass
class Descope(Standin):
    """Its issuer has the project as its path; roles stand in `roles`."""

    @property
    def issuer(self) -> str:
        return f"{self.url}/P2abcdefghijklmnopqrstuvwxyz"


@dataclass
class Scalekit(Standin):
    """The keys are at /keys; the token names the organization in `oid`."""

    def endpoints(self) -> dict[str, str]:
        return {
            **super().endpoints(),
            "authorization_endpoint": f"{self.url}/oauth/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "jwks_uri": f"{self.url}/keys",
        }


@dataclass
class Cognito(Standin):
    """The issuer is the user pool. An access token is a JWT of the same keys, told apart by `token_use`; whether an
    address was verified is sometimes a text."""

    pool: str = "eu-central-1_AbCd"
    gives: str = "id"

    @property
    def issuer(self) -> str:
        return f"{self.url}/{self.pool}"

    def claims(self, code: Code) -> dict[str, Any]:
        claims = super().claims(code)
        claims["token_use"] = self.gives
        claims["cognito:groups"] = claims.pop("groups")
        claims["email_verified"] = "true" if claims.get("email_verified") else "false"
        return claims
