"""What can go wrong with a deploy.

BuildFailure            the tenant's source cannot become a revision; stored on the revision
├── SourceError         no entrypoint, broken Python or broken project files
└── ManifestError       the server loads, but what it offers cannot be served
RegistryError           a request to the registry cannot be met
├── ServerNotFound
├── RevisionNotFound
├── InvalidSlug
├── InvalidHost
├── InvalidCommand
├── InvalidSource       the address of a remote server is none
├── InvalidSettings     what is said of a server beside its source cannot be
├── ImportFailed        an OpenAPI document cannot become a server
├── ProbeFailed         a remote server does not answer as it should
├── WrongKind           the server is of another kind
├── NothingToRollBack
└── NotActivatable      the revision never finished its build
"""

from __future__ import annotations

from tenants.identifiers import SLUG_RULE


class BuildFailure(Exception):
    """The deployer reads this: what is wrong, where, and what to do. `code` is stable."""

    code = "build_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        line: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.hint = hint
        self.line = line
        self.detail = detail

    def as_json(self) -> dict[str, object]:
        """The form stored on a failed revision and answered by the API."""
        return {
            "code": self.code,
            "message": self.message,
            "line": self.line,
            "hint": self.hint,
            "detail": self.detail,
        }


class SourceError(BuildFailure):
    code = "bad_source"


class ManifestError(BuildFailure):
    code = "bad_manifest"


class RegistryError(Exception):
    """`code` is stable; `hint` says what to do."""

    code = "registry_error"
    hint = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ServerNotFound(RegistryError):
    code = "server_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"No server named '{name}' in this tenant.")


class RevisionNotFound(RegistryError):
    code = "revision_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"No revision '{name}' of this server.")


class InvalidSlug(RegistryError):
    code = "invalid_slug"
    hint = f"Use {SLUG_RULE}."

    def __init__(self, slug: str) -> None:
        super().__init__(f"'{slug[:80]}' is not a usable server name.")


class NothingToRollBack(RegistryError):
    code = "nothing_to_roll_back"
    hint = "A server can be rolled back once a second revision has become active."

    def __init__(self, server: str) -> None:
        super().__init__(f"Server '{server}' has no earlier revision that was active.")


class NotActivatable(RegistryError):
    code = "revision_not_built"
    hint = "Only a revision whose build succeeded can become active. Deploy again to build a new one."

    def __init__(self, number: int, status: str) -> None:
        super().__init__(f"Revision {number} is {status}; it cannot become active.")


class InvalidSource(RegistryError):
    code = "invalid_source"
    hint = (
        "Send an address such as https://mcp.example.com/mcp, without user name, and a header name such as X-Api-Key."
    )


class ProbeFailed(RegistryError):
    """`code` says how it failed; the message is for whoever named the address."""

    def __init__(self, message: str, *, code: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class InvalidSettings(RegistryError):
    code = "invalid_settings"
    hint = "Correct the settings and send them again."


class ImportFailed(RegistryError):
    """`code` says what is wrong with the document; the message is for whoever named it."""

    def __init__(self, message: str, *, code: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class WrongKind(RegistryError):
    code = "wrong_kind"
    hint = "Use another name for it."

    def __init__(self, server: str, kind: str) -> None:
        super().__init__(f"'{server}' is a server of kind {kind}.")


class InvalidCommand(RegistryError):
    code = "invalid_command"
    hint = "Write it as a shell would read it, such as: python server.py --verbose"


class InvalidHost(RegistryError):
    code = "invalid_host"
    hint = "Send host names such as api.example.com, *.example.com or db.example.com:5432."
