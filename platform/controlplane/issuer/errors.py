"""What an issuer's services refuse, for the management API and the dashboard. OAuth's own errors are Authlib's."""

from __future__ import annotations


class GrantNotFoundError(LookupError):
    def __init__(self, grant_id: str) -> None:
        super().__init__(f"This tenant has no login {grant_id[:60]!r} that you may see.")
