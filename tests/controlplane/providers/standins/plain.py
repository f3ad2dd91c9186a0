"""Providers without an ID token: GitHub's OAuth, and WorkOS' SSO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.controlplane.providers.standins.base import Asked, Code, Reply, Standin


@dataclass
class GitHub(Standin):
    """Errors of the token endpoint come with status 200. Who somebody is, and which addresses are verified, is asked
    with the token. An Enterprise host has its API under /api/v3."""

    emails: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"email": "private@home.example", "verified": False, "primary": False},
            {"email": "ada@acme.example", "verified": True, "primary": True},
        ]
    )

    def endpoints(self) -> dict[str, str]:
        return {
            "authorization_endpoint": f"{self.url}/login/oauth/authorize",
            "token_endpoint": f"{self.url}/login/oauth/access_token",
        }

    def well_known(self) -> str:
        return "/there-is-none"

    def token_error(self, error: str, status: int = 400) -> Reply:
        known = {"invalid_client": "incorrect_client_credentials", "invalid_grant": "bad_verification_code"}
        return Reply(200, {"error": known.get(error, error), "error_description": "As the documentation says."})

    def given(self, code: Code) -> dict[str, Any]:
        return {"scope": "read:user,user:email,read:org", "token_type": "bearer"}

    def answer_to(self, asked: Asked) -> Reply:
        if not asked.path.startswith("/api/v3/"):
            return super().answer_to(asked)
        self.asked.append(asked)
        if asked.path in self.replies:
            return self.replies[asked.path]
        if "user-agent" not in asked.headers:
            return Reply(403, {"message": "Request forbidden by administrative rules."})
        who = self.bearer_of(asked)
        if not who:
            return Reply(401, {"message": "Bad credentials"})
        return Reply(body=self.about(self.people[who], asked.path.removeprefix("/api/v3/")))

    def about(self, person: dict[str, Any], what: str) -> Any:
        return {
            "user": {"id": person["id"], "login": person["login"], "name": person.get("name"), "email": None},
            "user/emails": self.emails,
            "user/orgs": [{"login": "acme"}],
            "user/teams": [{"slug": "engineers", "organization": {"login": "acme"}}],
        }[what]


@dataclass
class WorkOS(Standin):
    """The token endpoint hands a profile over; there is nothing to discover and nothing signed."""

    organization: str = "org_01ACME"

    def endpoints(self) -> dict[str, str]:
        return {"authorization_endpoint": f"{self.url}/sso/authorize", "token_endpoint": f"{self.url}/sso/token"}

    def well_known(self) -> str:
        return "/there-is-none"

    def authorize(self, asked: Asked) -> Reply:
        if not {"organization", "connection", "provider"} & asked.query.keys():
            return Reply(400, {"error": "invalid_request"})
        return super().authorize(asked)

    def given(self, code: Code) -> dict[str, Any]:
        person = self.people[code.who]
        return {
            "profile": {
                "object": "profile",
                "id": f"prof_{person['sub']}",
                "connection_id": "conn_01ACME",
                "connection_type": "OktaSAML",
                "organization_id": self.organization,
                "email": person["email"],
                "first_name": "Ada",
                "last_name": None,
                "idp_id": "00u1",
                "groups": person["groups"],
                "raw_attributes": {},
            }
        }
