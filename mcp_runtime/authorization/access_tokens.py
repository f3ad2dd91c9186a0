"""Access tokens of our own issuers, verified in this process: RFC 9068 signed by a key that we chose (SECURITY 0.7).

The checks are few and fixed. A header has `alg`, `typ` and `kid` and nothing else, so `jwk`, `jku`, `x5u` and `crit`
have no say; the algorithm is one; the key is the one of that `kid` in the tenant's own set; JSON is read by the strict
reader. A refresh token or an ID token has another form and another `typ`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from time import time
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_runtime.ports.trust import Signers
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from tenants.principal import Principal, PrincipalKind

ALGORITHM: Final = "ES256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  the media type of RFC 9068
LEEWAY_SECONDS: Final = 5
"""Between the clocks of two of our own hosts."""
MAX_HEADER, MAX_CLAIMS = 512, 3072


class Claims(msgspec.Struct, frozen=True):
    """What our issuers put into an access token (RFC 9068 section 2.2), and two members of our own."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str
    grant: str
    """The login it came of: what revocation names."""
    endpoint: str
    """The one endpoint it is good for, by identifier: another one that takes over the address is another endpoint."""
    roles: list[str] = []
    kind: PrincipalKind = "user"


Verifier = Callable[[bytes, bytes], bool]
"""`(signed, signature)` -> whether the key made it."""


class Issuer:
    """A tenant's signers, with their keys made ready."""

    def __init__(self, signers: Signers) -> None:
        self.signers = signers
        self._verifiers = {kid: _verifier(jwk) for kid, jwk in signers.keys.items()}

    def claims(self, token: str, *, now: Callable[[], float] = time, audience: str | None = None) -> Claims | None:
        """What the token says, when it is one of this issuer's and in time; else None, whatever is wrong with it.

        It is for one of the tenant's endpoints, unless another audience is named.
        """
        if not _FORM.fullmatch(token):
            return None
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        verify = self._verifiers.get(_key_id(header))
        if verify is None or not verify(signed.encode("ascii"), _decoded(signature)):
            return None
        claims = _claims(payload)
        if claims is None or claims.iss != self.signers.issuer:
            return None
        if claims.aud != audience if audience else not claims.aud.startswith(f"{self.signers.issuer}/"):
            return None
        if not claims.iat - LEEWAY_SECONDS <= now() < claims.exp:
            return None
        return claims

    def principal(self, claims: Claims) -> Principal:
        return Principal(
            tenant=self.signers.tenant_id,
            issuer=claims.iss,
            subject=claims.sub,
            kind=claims.kind,
            client_id=claims.client_id,
            scopes=frozenset(claims.scope.split()),
            roles=frozenset(claims.roles),
            audience=claims.endpoint,
        )


def looks_like_one(token: str) -> bool:
    """Whether it has the form of a signed token; API keys have another."""
    return token.count(".") == 2


def unverified_issuer(token: str) -> str:
    """Whom a token names as its issuer, before anything about it is believed: to find the keys to judge it by."""
    claims = _claims(token.split(".")[1]) if _FORM.fullmatch(token) else None
    return claims.iss if claims else ""


def _key_id(header: str) -> str:
    """The `kid` of a header that is exactly as our issuers write it; empty for any other."""
    try:
        read = codec.read(_decoded(header), max_bytes=MAX_HEADER)
    except ParseError:
        return ""
    if not isinstance(read, dict) or read.keys() != {"alg", "typ", "kid"}:
        return ""
    kid = read["kid"]
    if read["alg"] != ALGORITHM or read["typ"] != TOKEN_TYPE or not isinstance(kid, str):
        return ""
    return kid


def _claims(payload: str) -> Claims | None:
    try:
        return msgspec.convert(codec.read(_decoded(payload), max_bytes=MAX_CLAIMS), Claims)
    except (ParseError, msgspec.ValidationError):
        return None


def _verifier(jwk: Mapping[str, str]) -> Verifier:
    """Raises ValueError for a key that is not on the P-256 curve."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError(f"A signing key must be EC P-256, not {jwk.get('kty')} {jwk.get('crv')}.")
    x, y = (int.from_bytes(_decoded(jwk[name]), "big") for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()

    def verify(signed: bytes, signature: bytes) -> bool:
        if len(signature) != 64:  # RFC 7518 section 3.4: r and s, 32 bytes each
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    return verify


def _decoded(part: str) -> bytes:
    """Empty for what is not base64url; a lone last character or stray bits are refused by comparing back."""
    padded = part + "=" * (-len(part) % 4)
    try:
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error:
        return b""
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=") == part.encode("ascii") else b""


_FORM = re.compile(r"[A-Za-z0-9_-]{1,700}\.[A-Za-z0-9_-]{1,4200}\.[A-Za-z0-9_-]{86}", re.ASCII)
