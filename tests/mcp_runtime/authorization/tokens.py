"""An issuer of acme's for tests, signing with joserfc: someone else's code, so that our verifier has a judge."""

from __future__ import annotations

import time
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from mcp_runtime.ports.trust import Signers

ISSUER = "https://mcp.example.com/t/acme"
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")


def signers(**keys: ECKey) -> Signers:
    """Trust in the given keys; in KEY as `k1` when none is given."""
    chosen = keys or {"k1": KEY}
    return Signers("ten_acme", ISSUER, {kid: _public(key) for kid, key in chosen.items()})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    every = {
        "iss": ISSUER,
        "sub": "usr_ben",
        "aud": f"{ISSUER}/weather/mcp",
        "iat": now,
        "exp": now + 900,
        "jti": "1",
        "client_id": "cli_1",
        "scope": "mcp:call",
        "roles": ["developer"],
        "kind": "user",
        "grant": "grt_1",
        "endpoint": "ep_weather",
        **changes,
    }
    return {name: value for name, value in every.items() if value is not None}


def token(body: dict[str, Any] | None = None, *, key: ECKey = KEY, **header: Any) -> str:
    """A token in order, unless told otherwise."""
    whole = {"alg": "ES256", "typ": "at+jwt", "kid": "k1", **header}
    registry = jws.JWSRegistry(algorithms=[whole["alg"]], strict_check_header=False)
    chosen = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(chosen, claims() if body is None else body, key, registry=registry)


def _public(key: ECKey) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()}
