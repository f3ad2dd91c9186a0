"""What can go wrong on the way to a token."""

from __future__ import annotations

from mcp_runtime.framework.errors import ClientError

__all__ = ("OAuthError",)


class OAuthError(ClientError):
    """No token could be had, and why. `code` is the authorization server's, where it gave one."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
