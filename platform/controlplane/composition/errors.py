"""What can go wrong with an endpoint.

CompileError            the endpoint cannot be served as it is composed; a build that would cause it fails
CompositionError        a request about an endpoint cannot be met
├── EndpointNotFound
├── VersionNotFound
├── InvalidEndpointName
├── EndpointExists
├── InvalidComposition  the document is not one: `where` is the path in it
├── DraftChanged        someone else wrote the draft in between
├── NothingToServe      no member has a revision that is built
├── NotHeld             no definition of this identifier waits for approval
└── NothingToRestore    no earlier version was composed differently
"""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.registry.errors import BuildFailure
from tenants.identifiers import SLUG_RULE


class CompileError(BuildFailure):
    """The endpoint cannot be served as it is composed. A build that would cause it fails."""

    code = "cannot_compile"

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message, hint=hint)
        self.where = where
        """What it is about: a path in the composition, or a component."""


class CompositionError(Exception):
    """`code` is stable; `hint` says what to do."""

    code = "composition_error"
    hint = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class EndpointNotFound(CompositionError):
    code = "endpoint_not_found"
    hint = "List what exists: GET …/endpoints."

    def __init__(self, name: str) -> None:
        super().__init__(f"No endpoint named '{name}' in this tenant.")


class VersionNotFound(CompositionError):
    code = "version_not_found"
    hint = "List what exists: GET …/endpoints/<name>/versions."

    def __init__(self, endpoint: str, number: int) -> None:
        super().__init__(f"Endpoint '{endpoint}' has no version {number}.")


class InvalidEndpointName(CompositionError):
    code = "invalid_endpoint_name"
    hint = f"Use {SLUG_RULE}."

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name[:80]}' is not a usable endpoint name.")


class EndpointExists(CompositionError):
    code = "endpoint_exists"
    hint = "Choose another name, or change the draft of the one that exists."

    def __init__(self, name: str) -> None:
        super().__init__(f"There is an endpoint named '{name}' already.")


class InvalidComposition(CompositionError):
    code = "invalid_composition"
    hint = "Correct what `where` points at and send the document again."

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where = where


class DraftChanged(CompositionError):
    code = "draft_changed"
    hint = "Fetch the draft again, repeat your change on it and send it with its new ETag."

    def __init__(self, endpoint: str) -> None:
        super().__init__(f"The draft of endpoint '{endpoint}' is not the one that you read.")


class NothingToServe(CompositionError):
    code = "nothing_to_serve"
    hint = "Deploy one of its members first, or add a member that is built."

    def __init__(self, endpoint: str, slugs: Sequence[str]) -> None:
        members = ", ".join(f"'{slug}'" for slug in slugs)
        said = f"none of its members ({members}) has a revision that is built" if members else "it has no members"
        super().__init__(f"Endpoint '{endpoint}' cannot be published: {said}.")


class NotHeld(CompositionError):
    code = "not_held"
    hint = "Look at what is held now: GET …/endpoints/<name>/held. The server may have changed it again."

    def __init__(self, endpoint: str, identifier: str) -> None:
        super().__init__(f"Endpoint '{endpoint}' holds nothing called '{identifier[:80]}'.")


class NothingToRestore(CompositionError):
    code = "nothing_to_restore"
    hint = "Name a version to go back to: GET …/endpoints/<name>/versions lists them."

    def __init__(self, endpoint: str) -> None:
        super().__init__(f"Endpoint '{endpoint}' has no earlier version that was composed differently.")
