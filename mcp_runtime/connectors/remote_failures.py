"""Failures of servers that run elsewhere, told to clients once, in one form (ARCHITECTURE 6.10)."""

from __future__ import annotations

from mcp_runtime.connectors.breaker import Paused
from mcp_runtime.connectors.failures import Failure
from mcp_runtime.connectors.outbound import AddressRefused, CredentialMissing, CredentialRefused, Redirected, TooMuch
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.protocol.errors import Internal, McpError
from mcp_runtime.transports.refusals import problem

UPSTREAM_FAILURES: dict[str, Failure] = {
    "upstream_failed": Failure(
        "The server behind this endpoint cannot be reached, or does not answer as it should.",
        "Call again in a moment. If it stays, whoever runs that server can tell more.",
    ),
    "upstream_refused": Failure(
        "The server behind this endpoint does not accept the credential that it is shown.",
        "The endpoint's owner must renew the credential: `stoa secrets set`.",
    ),
    "upstream_credential_missing": Failure(
        "The server behind this endpoint wants a credential that it was not given.",
        "The endpoint's owner must set its secrets: `stoa secrets set`; `stoa openapi show` names them.",
    ),
    "upstream_address_refused": Failure(
        "The server behind this endpoint is at an address that may not be reached from here.",
        "The endpoint's owner must give another address, or the operator must open its network.",
    ),
    "upstream_redirects": Failure(
        "The server behind this endpoint answers with another address, which is not followed.",
        "The endpoint's owner must give the address that it leads to.",
    ),
    "upstream_too_large": Failure(
        "The server behind this endpoint sends more than an answer may have.",
        "Ask for less at once, for example in pages.",
    ),
    "upstream_paused": Failure(
        "The server behind this endpoint did not answer several times, and is not asked for a while.",
        "Wait for retry_after seconds. If it stays, whoever runs that server can tell more.",
    ),
    "upstream_timeout": Failure(
        "The server behind this endpoint took longer than a call may take.",
        "Ask for less at once, or call again later.",
    ),
}
"""By code."""

_CODES: tuple[tuple[type[ClientError], str], ...] = (
    (Paused, "upstream_paused"),
    (AddressRefused, "upstream_address_refused"),
    (CredentialRefused, "upstream_refused"),
    (CredentialMissing, "upstream_credential_missing"),
    (Redirected, "upstream_redirects"),
    (TooMuch, "upstream_too_large"),
    (ClientError, "upstream_failed"),
)


def code_of(error: ClientError) -> str:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def explain(error: ClientError, request_id: str) -> McpError:
    """The JSON-RPC error for a failure of a remote server. Addresses stay with its owner."""
    more = {"retry_after": error.retry_after} if isinstance(error, Paused) else {}
    return _told(code_of(error), request_id, **more)


def timed_out(request_id: str) -> McpError:
    return _told("upstream_timeout", request_id)


def _told(code: str, request_id: str, **more: object) -> McpError:
    failure = UPSTREAM_FAILURES[code]
    return Internal(failure.message, data=problem(code, "upstream", failure.hint, request_id, **more))
