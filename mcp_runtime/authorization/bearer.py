"""Bearer tokens: where they may stand, and the challenge for who brings none (PROTOCOL A-01, A-05; RFC 6750)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mcp_runtime.transports.asgi import Header
from mcp_runtime.transports.refusals import Refusal

MAX_TOKEN = 4096
"""Characters; signed tokens are long, and nothing we issue is longer."""
CALL_SCOPE = "mcp:call"


def refuse_query_token(query: bytes) -> None:
    """Raise the Refusal for a token in the URL, where every log on the way would keep it."""
    if query and _TOKEN_IN_QUERY.search(query):
        raise Refusal(
            400,
            "token_in_url",
            "A credential must not stand in the URL.",
            "Send it as `Authorization: Bearer …`, and replace this one: it may be in logs by now.",
        )


def bearer_token(authorization: bytes | None) -> str | None:
    """The token of an Authorization header, None when there is none. Raises Refusal for what is not a token."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        raise _malformed("The Authorization header is not a bearer token.")
    token = token.strip(b" ")
    if len(token) > MAX_TOKEN or not _TOKEN68.fullmatch(token):
        raise _malformed("The bearer token is malformed.")
    return token.decode("ascii")


class Challenges:
    """The 401 and 403 answers of every endpoint. Addresses come from configuration, never from headers (A-04)."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"The public URL must be like https://mcp.example.com, not {public_url!r}.")
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def metadata_url(self, path: str) -> str:
        """Where the protected-resource metadata of the endpoint at `path` stands (RFC 9728 section 3.1)."""
        return f"{self._origin}/.well-known/oauth-protected-resource{path}"

    def unauthenticated(self, path: str, *, token_sent: bool) -> Refusal:
        """The same for a wrong key, another tenant's key, and a tenant or endpoint that does not exist (A-11)."""
        if not token_sent:
            return Refusal(
                401,
                "unauthenticated",
                "This endpoint needs a credential.",
                "Log in at the issuer that the challenge leads to, or send an API key as `Authorization: Bearer …`.",
                headers=[self._header(path, scope=CALL_SCOPE)],
                unread=True,
            )
        return Refusal(
            401,
            "invalid_token",
            "The credential is not valid for this endpoint.",
            "Check that it is whole, not revoked or expired, and of this tenant and endpoint; else log in again.",
            headers=[
                self._header(
                    path,
                    error="invalid_token",
                    error_description="The credential is not valid for this endpoint.",
                    scope=CALL_SCOPE,
                )
            ],
            unread=True,
        )

    def insufficient_scope(self, path: str, scope: str) -> Refusal:
        """One challenge that names all the operation needs (A-09)."""
        return Refusal(
            403,
            "insufficient_scope",
            f"The credential lacks the scope {scope}.",
            f"Use a credential that has {scope}.",
            headers=[
                self._header(
                    path,
                    error="insufficient_scope",
                    error_description=f"The credential lacks the scope {scope}.",
                    scope=scope,
                )
            ],
            unread=True,
        )

    def _header(self, path: str, **parameters: str) -> Header:
        parameters["resource_metadata"] = self.metadata_url(path)
        fields = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return (b"www-authenticate", f"Bearer {fields}".encode("ascii"))


def _malformed(message: str) -> Refusal:
    return Refusal(400, "malformed_credential", message, "Send one header: `Authorization: Bearer <key>`.", unread=True)


_TOKEN68 = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
_TOKEN_IN_QUERY = re.compile(
    rb"(?:^|[&;])(?:access_token|bearer|token|api[-_]?key|key|authorization)=|stoa_[A-Za-z0-9]", re.IGNORECASE
)
