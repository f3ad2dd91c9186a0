"""Signed tokens: the header is read here, algorithm and key come from our own side, the rest is left to joserfc.

Nothing in a token chooses how it is verified: an algorithm other than the configured one, a key or an address of one
inside the header, and critical extensions are refused (SECURITY 0.7; RFC 8725 sections 3.1 to 3.3).
"""

from __future__ import annotations

import binascii
import json
import warnings
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.errors import MissingPackage

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

    Key = ECKey | OctKey | OKPKey | RSAKey

__all__ = ("ALGORITHMS", "claims_of", "header_of", "import_key", "is_symmetric", "signed")

ALGORITHMS = (
    *("HS256", "HS384", "HS512"),
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
    "EdDSA",
)
_MOST_CHARACTERS = 16 * 1024
_FOREIGN_KEYS = frozenset({"crit", "jwk", "jku", "x5u", "x5c"})


def is_symmetric(algorithm: str) -> bool:
    return algorithm.startswith("HS")


def header_of(token: str) -> dict[str, Any] | None:
    """The header of what looks like a signed token, None for anything else."""
    if len(token) > _MOST_CHARACTERS or token.count(".") != 2:
        return None
    part = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def claims_of(token: str, key: Key, algorithm: str) -> dict[str, Any] | None:
    """The claims of a token signed by `key` with exactly `algorithm`; None for any other. Times are not looked at."""
    header = header_of(token)
    if header is None or header.get("alg") != algorithm or _FOREIGN_KEYS & header.keys():
        return None
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return dict(jwt.decode(token, key, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, RecursionError):
        return None


def signed(claims: dict[str, Any], key: Key, algorithm: str, **header: str) -> str:
    from joserfc import jwt

    return jwt.encode({"alg": algorithm, **header}, claims, key, algorithms=[algorithm])


def import_key(material: str | bytes | dict[str, Any], algorithm: str) -> Key:
    """The key for `algorithm` from a secret, a PEM text or a JWK. Raises WrongSetting, MissingPackage."""
    try:
        from joserfc import jwk
        from joserfc.errors import JoseError
    except ImportError as error:
        raise MissingPackage("joserfc", "Verifying signed tokens") from error
    kinds: dict[str, Any] = {"H": jwk.OctKey, "R": jwk.RSAKey, "P": jwk.RSAKey, "ES": jwk.ECKey, "Ed": jwk.OKPKey}
    kind = kinds.get(algorithm[:2]) or kinds[algorithm[0]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about short secrets, which the verifier reports in its own words
            key: Key = kind.import_key(material)
    except (JoseError, ValueError, TypeError) as error:
        raise WrongSetting(f"The key is not one for {algorithm}: {error}") from error
    return key
