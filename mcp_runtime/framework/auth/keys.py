"""The keys of an OAuth proxy, all from one secret, each for one purpose (FASTMCP B-09)."""

from __future__ import annotations

import hmac
from functools import cached_property
from hashlib import pbkdf2_hmac, sha256
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.jose import claims_of, header_of, import_key, signed
from mcp_runtime.framework.running import in_thread

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.jose import Key

__all__ = ("ProxyKeys",)

_ITERATIONS = 600_000
_ALGORITHM = "HS256"
_TYPE = "at+jwt"  # RFC 9068 section 2.1


class ProxyKeys:
    """From `jwt_signing_key`: bytes as they are, a text, which people invent, through PBKDF2; else the client secret.

    Nothing is computed before it is needed.
    """

    def __init__(self, jwt_signing_key: str | bytes | None, client_secret: str | None) -> None:
        if not jwt_signing_key and not client_secret:
            raise WrongSetting(
                "Without a client secret there is nothing to derive keys from: give jwt_signing_key=, "
                "a random secret that stays the same across restarts."
            )
        self._given = jwt_signing_key or None
        self._client_secret = client_secret

    async def ready(self) -> None:
        """Derive what is slow to derive, once, beside the event loop."""
        if "_root" not in vars(self):
            await in_thread(lambda: self._root)

    @cached_property
    def storage(self) -> bytes:
        return self._derived("storage")

    def proof(self, purpose: str, *facts: str) -> str:
        """A text that only this server can make for these facts."""
        message = "\x00".join((purpose, *facts)).encode()
        return hmac.digest(self._pages, message, "sha256").hex()

    def sign(self, claims: dict[str, Any]) -> str:
        return signed(claims, self._signing, _ALGORITHM, typ=_TYPE)

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that this server signed; times and audience are not looked at."""
        if (header_of(token) or {}).get("typ") != _TYPE:
            return None
        return claims_of(token, self._signing, _ALGORITHM)

    @cached_property
    def fingerprint(self) -> str:
        """Tells stores of different servers on one machine apart."""
        return self._derived("fingerprint").hex()[:16]

    @cached_property
    def _pages(self) -> bytes:
        return self._derived("pages")

    @cached_property
    def _signing(self) -> Key:
        return import_key(self._derived("signing"), _ALGORITHM)

    @cached_property
    def _root(self) -> bytes:
        if isinstance(self._given, bytes):
            return sha256(self._given).digest()
        if self._given is None:  # a secret that a provider made: long and random
            return hmac.digest(b"mcp-oauth-proxy/client-secret", (self._client_secret or "").encode(), "sha256")
        return pbkdf2_hmac("sha256", self._given.encode(), b"mcp-oauth-proxy", _ITERATIONS)

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self._root, f"mcp-oauth-proxy/{purpose}".encode(), "sha256")
