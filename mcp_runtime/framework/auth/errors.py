"""What goes wrong in authentication.

AuthError
├── WrongSetting         a provider was constructed with what cannot work; also a ValueError
├── ProviderUnavailable  the identity provider did not answer, or not as it documents; the caller's token may be fine
└── OAuthError           an answer of the protocol: `error` and `error_description` of RFC 6749 section 5.2
    ├── AuthorizeError       at /authorize
    ├── TokenError           at /token
    └── RegistrationError    at /register
"""

from __future__ import annotations

from mcp_runtime.framework.errors import FrameworkError

__all__ = (
    "AuthError",
    "AuthorizeError",
    "OAuthError",
    "ProviderUnavailable",
    "RegistrationError",
    "TokenError",
    "WrongSetting",
)


class AuthError(FrameworkError):
    """The base of them all."""


class WrongSetting(AuthError, ValueError):
    pass


class ProviderUnavailable(AuthError):
    pass


class OAuthError(AuthError):
    """`error` is one of the protocol's words, `error_description` is for the developer of the client."""

    def __init__(self, error: str, error_description: str | None = None, *, status: int = 400) -> None:
        super().__init__(f"{error}: {error_description}" if error_description else error)
        self.error = error
        self.error_description = error_description
        self.status = status


class AuthorizeError(OAuthError):
    pass


class TokenError(OAuthError):
    pass


class RegistrationError(OAuthError):
    pass
