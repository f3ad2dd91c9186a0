"""What the API answers when it cannot do what it was asked: RFC 9457 problems.

Each carries `code` (stable, for programs), `party` (whose turn it is: `you` or `platform`), `hint` (what to do) and
`request_id` (what to quote). Internals are masked here and nowhere else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from controlplane.accounts import errors as accounts
from controlplane.accounts.tenancy import NotConfirmedError, NotPlatformAdminError
from controlplane.api import conditions, rates, repeats
from controlplane.composition import errors as composition
from controlplane.connections import errors as connections
from controlplane.declarative.errors import ConfigurationError, InvalidConfiguration
from controlplane.issuer.errors import ClientNotFoundError, GrantNotFoundError, InvalidClientError
from controlplane.keys.services import InvalidKeyError, KeyNotFoundError
from controlplane.providers.errors import InvalidProvider, NotTested, ProviderNotFound, SignInRefused
from controlplane.registry import errors as registry
from controlplane.tasks.services import TaskNotFoundError, TaskNotOverError
from controlplane.vault.services import InvalidSecretError, SecretNotFoundError
from mcp_runtime.ports.connections import ConnectionNeeded
from mcp_runtime.ports.tasks import TaskLimit
from mcp_runtime.sandbox.bundle import BundleError
from tenants.identifiers import new_id
from tenants.quotas import InvalidQuotaError, QuotaExceededError
from tenants.roles import NotPermittedError
from tenants.services import InvalidSlugError, SlugTakenError

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="stoa"'

_AGAIN = "Correct the request and send it again."

log = logging.getLogger(__name__)


class TenantNotFound(Exception):
    """Unknown, suspended or not the caller's: the three are told apart by nobody."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"No tenant named '{slug[:80]}' that you may see.")


class WrongAudience(Exception):
    """The key is good for one endpoint's clients."""

    def __init__(self) -> None:
        super().__init__("This key is good for one endpoint only, and so not for the management API.")


class DryRunUnavailable(Exception):
    """What the route does reaches beyond the database, and so cannot be tried out."""

    def __init__(self) -> None:
        super().__init__("This request cannot be tried out: it has to ask others, or changes nothing.")


class PreconditionRequired(Exception):
    """A write that would undo what others wrote without anyone noticing (RFC 6585 section 3)."""

    def __init__(self) -> None:
        super().__init__("A change of the draft has to say which state of it was read.")


_DOMAIN: tuple[tuple[Any, int, str, str], ...] = (
    (TenantNotFound, 404, "tenant_not_found", "Check the name, and that your key or account belongs to the tenant."),
    (WrongAudience, 403, "wrong_audience", "Use a key whose audience is '*'."),
    (PreconditionRequired, 428, "precondition_required", "Send the draft's ETag as If-Match, or `If-Match: *`."),
    (NotPermittedError, 403, "not_permitted", "Ask an owner or admin of the tenant for a role or a key that has it."),
    (QuotaExceededError, 409, "quota_exceeded", "Remove what is not needed, or ask the platform's administrators."),
    (InvalidQuotaError, 422, "invalid_quota", _AGAIN),
    (NotPlatformAdminError, 404, "route_not_found", "See /api/v1/openapi."),
    (NotConfirmedError, 422, "not_confirmed", "Send the tenant's short name as `confirmation`."),
    (InvalidSlugError, 422, "invalid_slug", _AGAIN),
    (SlugTakenError, 409, "slug_taken", "Choose another."),
    (accounts.MemberNotFoundError, 404, "", ""),
    (accounts.InvitationNotFoundError, 404, "", "List what exists: GET …/invitations."),
    (accounts.LastOwnerError, 409, "", ""),
    (accounts.ProofNeededError, 403, "", ""),
    (accounts.AlreadyMemberError, 409, "", ""),
    (accounts.AccountsError, 422, "", _AGAIN),
    (registry.ServerNotFound, 404, "", "List what exists: GET …/servers."),
    (registry.RevisionNotFound, 404, "", "List what exists: GET …/servers/<name>/revisions."),
    (registry.InvalidSlug, 422, "", ""),
    (registry.InvalidCommand, 422, "", ""),
    (registry.InvalidHost, 422, "", ""),
    (registry.InvalidSource, 422, "", ""),
    (registry.ProbeFailed, 422, "", ""),
    (registry.InvalidSettings, 422, "", ""),
    (registry.ImportFailed, 422, "", ""),
    (registry.RegistryError, 409, "", ""),
    (registry.BuildFailure, 409, "", ""),
    (composition.EndpointNotFound, 404, "", ""),
    (composition.VersionNotFound, 404, "", ""),
    (composition.InvalidEndpointName, 422, "", ""),
    (composition.InvalidComposition, 422, "", ""),
    (composition.DraftChanged, 412, "", ""),
    (composition.CompositionError, 409, "", ""),
    (InvalidConfiguration, 422, "", ""),
    (ConfigurationError, 409, "", ""),
    (BundleError, 422, "", ""),
    (TaskNotFoundError, 404, "task_not_found", "List what exists: GET …/tasks."),
    (TaskNotOverError, 409, "task_not_over", "Wait for its end, or cancel it."),
    (TaskLimit, 409, "too_many_tasks", "Wait until some are over, or cancel them."),
    (DryRunUnavailable, 422, "dry_run_unavailable", "Leave dry_run out to do it."),
    (conditions.ResourceChanged, 412, "changed_meanwhile", "Read it again, and send the ETag of what you read."),
    (repeats.BadIdempotencyKey, 422, "bad_idempotency_key", "Send a random one, such as a UUID."),
    (repeats.IdempotencyKeyReused, 422, "idempotency_key_reused", "Use a new one for each request that is another."),
    (rates.TooManyRequests, 429, "too_many_requests", "Wait for as many seconds as Retry-After says."),
    (ConnectionNeeded, 409, "connection_needed", "Open the address in a browser in which you are signed in here."),
    (connections.NoUpstreamLogin, 404, "", ""),
    (connections.LoginNotYours, 404, "", ""),
    (connections.ConnectionsError, 422, "", ""),
    (ClientNotFoundError, 404, "program_not_found", "List what exists: GET …/programs."),
    (InvalidClientError, 422, "invalid_program", _AGAIN),
    (ProviderNotFound, 404, "", ""),
    (NotTested, 409, "", ""),
    (InvalidProvider, 422, "", ""),
    (SignInRefused, 409, "", ""),
    (GrantNotFoundError, 404, "login_not_found", "List what exists: GET …/logins."),
    (KeyNotFoundError, 404, "key_not_found", "List what exists: GET …/keys."),
    (SecretNotFoundError, 404, "secret_not_found", "List what exists: GET …/secrets."),
    (InvalidKeyError, 422, "invalid_key", _AGAIN),
    (InvalidSecretError, 422, "invalid_secret", _AGAIN),
)
"""Exception, status, code and hint; an empty code or hint is the exception's own. The first match counts."""


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    code: str
    detail: str
    hint: str = ""
    party: str = "you"
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, object]:
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "party": self.party,
            "hint": self.hint,
            "request_id": request_id,
            **self.extra,
        }

    def response(self, request_id: str) -> HttpResponse:
        """For views that are Django's own."""
        body = json.dumps(self.body(request_id))
        headers = {"X-Request-Id": request_id, **self.headers}
        return HttpResponse(body, status=self.status, content_type=CONTENT_TYPE, headers=headers)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's hook."""
    set_rollback()
    request_id = getattr(context.get("view"), "request_id", None) or new_id("req")
    problem = problem_of(error, request_id)
    headers = {"X-Request-Id": request_id, **problem.headers}
    return Response(problem.body(request_id), status=problem.status, headers=headers, content_type=CONTENT_TYPE)


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem of an exception. What is not known is ours: it is logged whole and told as nothing."""
    known = _framework_problem(error) or _domain_problem(error)
    if known is not None:
        return known
    log.error("Request %s failed.", request_id, exc_info=error)
    return Problem(
        500,
        "internal_error",
        "The platform failed to answer.",
        hint="Try again. If it stays, give the operator the request_id.",
        party="platform",
    )


def _domain_problem(error: Exception) -> Problem | None:
    for kind, status, code, hint in _DOMAIN:
        if isinstance(error, kind):
            too_large = isinstance(error, BundleError) and error.code == "too_large"
            extra = {"permission": error.permission} if isinstance(error, NotPermittedError) else {}
            if isinstance(error, QuotaExceededError):
                extra = {"limit": error.name}
            if isinstance(error, composition.InvalidComposition | composition.CompileError | InvalidConfiguration):
                extra = {"where": error.where}
            headers: dict[str, str] = {}
            if isinstance(error, rates.TooManyRequests):
                headers = {"Retry-After": str(error.rate.reset), **error.rate.headers}
            return Problem(
                413 if too_large else status,
                code or error.code,
                str(error),
                hint or error.hint,
                extra=extra,
                headers=headers,
            )
    return None


def _framework_problem(error: Exception) -> Problem | None:
    match error:
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            hint = "Send `Authorization: Bearer <API key>`; `stoa keys create` or the dashboard makes one."
            return Problem(401, "unauthenticated", str(error), hint=hint, headers={"WWW-Authenticate": CHALLENGE})
        case drf.ValidationError():
            hint = "Correct the fields named in `errors`."
            return Problem(422, "invalid_fields", "Fields are missing or wrong.", hint, extra={"errors": error.detail})
        case drf.PermissionDenied() | PermissionDenied():
            return Problem(
                403, "forbidden", str(error) or "This is not allowed.", hint="Reload the page and try again."
            )
        case drf.NotFound() | Http404():
            return Problem(404, "route_not_found", "There is nothing at this address.", hint="See /api/v1/openapi.")
        case RequestDataTooBig():
            return Problem(413, "too_large", "The request is too large.", hint="Send less in one request.")
        case drf.APIException():
            code = str(error.default_code)
            return Problem(error.status_code, code, str(error.detail), hint="See /api/v1/openapi.")
        case SuspiciousOperation():
            return Problem(400, "malformed_request", "The request is malformed.", hint="See /api/v1/openapi.")
    return None
