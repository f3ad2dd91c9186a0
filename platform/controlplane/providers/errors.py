"""What goes wrong with identity providers.

ProviderError
├── ProviderNotFound      this tenant has no such provider
├── InvalidProvider       what was filled in cannot be a provider
├── NotTested             a provider is switched on once its test has passed
└── SignInRefused         this sign-in ends here
"""

from __future__ import annotations


class ProviderError(Exception):
    """Base of the others. The message says what is wrong, the hint what to do."""

    code = "provider_error"
    hint = ""


class ProviderNotFound(ProviderError):
    code = "identity_provider_not_found"
    hint = "List what exists: GET …/identity-providers."

    def __init__(self, name: str) -> None:
        super().__init__(f"This tenant has no identity provider named {name[:60]!r}.")


class InvalidProvider(ProviderError):
    code = "invalid_identity_provider"
    hint = "Correct the value and send it again."


class NotTested(ProviderError):
    code = "identity_provider_not_tested"
    hint = "Test it first: open it in the dashboard and sign in with the button there."

    def __init__(self, name: str) -> None:
        super().__init__(f"The provider {name!r} was not tested as it is now, or the test failed.")


class SignInRefused(ProviderError):
    """The person is told; the trace of the provider says at which step."""

    code = "sign_in_refused"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or "Try again. If it stays, ask an admin of your tenant: the provider's page there shows why."
