"""The framework's errors, as authors raise and catch them.

FrameworkError                 (FastMCPError to authors)
├── ToolError          its text reaches the client even when details are masked
├── ResourceError      the same for resources
├── PromptError        the same for prompts
├── NotFoundError      no such component here
├── DisabledError      the component is switched off
├── ValidationError    arguments or a result that do not fit; also a ValueError
├── InvalidSignature   a function that cannot be a component; also a ValueError
└── ClientError        the client side gave up
"""

from __future__ import annotations

__all__ = (
    "ClientError",
    "DisabledError",
    "FastMCPError",
    "FrameworkError",
    "InvalidSignature",
    "NotFoundError",
    "PromptError",
    "ResourceError",
    "ToolError",
    "ValidationError",
)


class FrameworkError(Exception):
    """The base of them all."""


class ToolError(FrameworkError):
    """Raise it in a tool to tell the client what went wrong (FASTMCP T-32)."""


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


class InvalidSignature(FrameworkError, ValueError):
    pass


class ClientError(FrameworkError):
    pass


FastMCPError = FrameworkError
