"""Signed tokens of providers: verified by a key that we chose, under an algorithm that we allow (SECURITY 0.7).

Nothing in a token says how it is verified: its `kid` picks among the provider's published keys, its `alg` has to be
one of the list and fit the key; `crit`, `jwk`, `jku` and `x5u` are refused. `none` and shared-secret algorithms are
not in the list, so a public key can never be taken for a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from time import time
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from controlplane.providers.errors import SignInRefused
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
LEEWAY_SECONDS: Final = 60
MAX_TOKEN: Final = 32 * 1024
MAX_AGE_SECONDS: Final = 3600
"""An ID token comes straight from the token endpoint: one that was made long ago is a replay or a broken clock."""

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_FAMILY: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
}
_REFUSED_HEADERS: Final = frozenset({"crit", "jwk", "jku", "x5u", "b64", "zip", "enc"})
_LEAST_RSA_BITS: Final = 2048

Keys = Callable[[bool], Sequence[Mapping[str, Any]]]
"""The published keys; asked `True`, they are fetched again if that was not done just now."""


class BadToken(SignInRefused):
    """A token is not what it should be; the message says which check failed, and repeats nothing of the token."""


def verified(token: object, keys: Keys, *, algorithms: Collection[str] = ALGORITHMS) -> dict[str, Any]:
    """The claims of a token whose signature is good. Raises BadToken, FetchError."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not _FORM.fullmatch(token):
        raise BadToken("The token is not a signed JWT.")
    header = _object(token.partition(".")[0], "header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in _FAMILY:
        raise BadToken(f"The token is signed with {str(algorithm)[:20]!r}; {', '.join(algorithms)} are allowed.")
    refused = sorted(_REFUSED_HEADERS & header.keys())
    if refused:
        raise BadToken(f"The token's header has {refused[0]!r}, which is not allowed to say how it is verified.")
    key = _find(keys(False), header.get("kid"), algorithm) or _find(keys(True), header.get("kid"), algorithm)
    if key is None:
        raise BadToken(f"The provider publishes no {algorithm} key that the token could be signed with.")
    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm])
    except (JoseError, ValueError) as error:
        raise BadToken("The token's signature is not the provider's.") from error
    return _object(token.split(".")[1], "payload")


def check_times(claims: Mapping[str, Any], *, max_age: float | None = None, now: Callable[[], float] = time) -> None:
    """`exp` is required; `nbf` and `iat` count if they are there. Raises BadToken."""
    moment = now()
    expires, before, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise BadToken("The token never expires, which is not allowed.")
    if expires <= moment - LEEWAY_SECONDS:
        raise BadToken("The token has expired. If it was just made, compare the clocks of both sides.")
    if before is not None and before > moment + LEEWAY_SECONDS:
        raise BadToken("The token is not valid yet: compare the clocks of both sides.")
    if issued is not None and issued > moment + LEEWAY_SECONDS:
        raise BadToken("The token was made in the future: compare the clocks of both sides.")
    if max_age is not None and (issued is None or issued < moment - max_age):
        raise BadToken("The token was made too long ago.")


def check_audience(claims: Mapping[str, Any], audience: str) -> None:
    """Raises BadToken."""
    named = claims.get("aud")
    everyone = named if isinstance(named, list) else [named]
    if audience not in everyone:
        raise BadToken("The token is for someone else: its audience is another.")


def unverified(token: str) -> dict[str, Any]:
    """What a token claims before anything of it is believed; empty for what is no token."""
    try:
        return _object(token.split(".")[1], "payload") if len(token) <= MAX_TOKEN and _FORM.fullmatch(token) else {}
    except BadToken:
        return {}


def usable(keys: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the keys that a token could be verified with; `one without a name` where it has none."""
    fitting = [key for key in keys if any(_fits(key, algorithm) for algorithm in ALGORITHMS)]
    return [str(key.get("kid", "one without a name"))[:60] for key in fitting if _imported(key) is not None]


def _find(keys: Sequence[Mapping[str, Any]], kid: object, algorithm: str) -> RSAKey | ECKey | OKPKey | None:
    """The key of that name; a token that names none can be checked only where there is just one."""
    fitting = [key for key in keys if _fits(key, algorithm)]
    if kid is not None:
        fitting = [key for key in fitting if key.get("kid") == kid]
    if len(fitting) != 1:
        return None
    return _imported(fitting[0])


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    family, curve = _FAMILY[algorithm]
    return (
        key.get("kty") == family
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) in (algorithm, "Ed25519" if algorithm == "EdDSA" else algorithm)
    )


def _imported(published: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey | None:
    """Only the public parts are taken, whatever else the provider published."""
    parts = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}[published["kty"]]
    public = {name: published.get(name) for name in parts}
    if not all(isinstance(value, str) for value in public.values()):
        return None
    if public["kty"] == "RSA" and len(_decoded(str(public["n"])).lstrip(b"\0")) * 8 < _LEAST_RSA_BITS:
        return None
    kind: Any = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}[published["kty"]]
    try:
        key: RSAKey | ECKey | OKPKey = kind.import_key(public)
    except (JoseError, ValueError):
        return None
    return key


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        found = codec.read(_decoded(part), max_bytes=MAX_TOKEN)
    except ParseError as error:
        raise BadToken(f"The token's {what} is no proper JSON.") from error
    if not isinstance(found, dict):
        raise BadToken(f"The token's {what} is no JSON object.")
    return found


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"The token's {name!r} is no time.")
    return float(value)
