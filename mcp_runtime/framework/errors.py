"""The framework's errors, as authors raise and catch them.

FrameworkError                 (FastMCPError to authors)
├── ToolError          its text reaches the client even when details are masked
│   └── ResultTooLarge     what a tool, resource or prompt gave is too much to send
├── ResourceError      the same for resources
├── PromptError        the same for prompts
├── NotFoundError      no such component here
├── DisabledError      the component is switched off
├── ValidationError    arguments or a result that do not fit; also a ValueError
│   └── UnwritableResult   a result that JSON cannot carry
├── InvalidSignature   a function that cannot be a component; also a ValueError
├── MiddlewareError    middleware that does not hand on requests, or answers with something else
├── MissingPackage     an optional package is not installed; also an ImportError
└── ClientError        the client side gave up
"""

from __future__ import annotations

__all__ = (
    "ClientError",
    "DisabledError",
    "FastMCPError",
    "FrameworkError",
    "InvalidSignature",
    "MissingPackage",
    "NotFoundError",
    "PromptError",
    "ResourceError",
    "ResultTooLarge",
    "ToolError",
    "UnwritableResult",
    "ValidationError",
)


class FrameworkError(Exception):
    """The base of them all."""


class ToolError(FrameworkError):
    """Raise it in a tool to tell the client what went wrong (FASTMCP T-32)."""


class ResultTooLarge(ToolError):
    """A result of `size` bytes or more, where `most` are allowed."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"The result has at least {size / 2**20:.0f} MB, and at most {most / 2**20:.0f} MB are sent: "
            "return a part of it, or a link to where it can be fetched."
        )


class ResourceError(FrameworkError):
    """Raise it in a resource to tell the client what went wrong (FASTMCP R-41)."""


class PromptError(FrameworkError):
    """Raise it in a prompt to tell the client what went wrong."""


class NotFoundError(FrameworkError):
    pass


class DisabledError(FrameworkError):
    pass


class ValidationError(FrameworkError, ValueError):
    pass


class UnwritableResult(ValidationError):
    def __init__(self, why: str) -> None:
        super().__init__(f"The result cannot be written as JSON: {why}.")


class InvalidSignature(FrameworkError, ValueError):
    pass


class MissingPackage(FrameworkError, ImportError):
    """Raised at the first use that needs `package`, never at import or construction."""

    def __init__(self, package: str, what: str) -> None:
        super().__init__(f"{what} needs the package {package}. Add it to the server's requirements.")
        self.package = package


class MiddlewareError(FrameworkError):
    """The author's middleware is wrong; names the hook and what it should do."""


class ClientError(FrameworkError):
    pass


FastMCPError = FrameworkError
