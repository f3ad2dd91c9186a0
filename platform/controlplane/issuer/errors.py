"""What an issuer's services refuse, for the management API and the dashboard. OAuth's own errors are Authlib's."""

from __future__ import annotations


class GrantNotFoundError(LookupError):
    def __init__(self, grant_id: str) -> None:
        super().__init__(f"This tenant has no login {grant_id[:60]!r} that you may see.")


class ClientNotFoundError(LookupError):
    def __init__(self, client_id: str) -> None:
        super().__init__(f"This tenant has no program {client_id[:60]!r} that was made by hand.")


class InvalidClientError(ValueError):
    """What was asked for cannot be a program; the message says why."""
