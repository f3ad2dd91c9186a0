"""What counts as an access token, and what does not."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey

from mcp_runtime.authorization.access_tokens import Issuer, looks_like_one
from tests.mcp_runtime.authorization.tokens import ISSUER, KEY, OTHER, claims, signers, token

ISSUED = Issuer(signers())


def test_a_token_in_order_makes_a_principal() -> None:
    read = ISSUED.claims(token())

    assert read is not None
    principal = ISSUED.principal(read)
    assert principal.identity == ("ten_acme", ISSUER, "usr_ben", "cli_1")
    assert principal.audience == "ep_weather"
    assert principal.scopes == {"mcp:call"}
    assert principal.roles == {"developer"}
    assert principal.kind == "user"


@pytest.mark.protocol("A-06", "A-07")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://mcp.example.com/t/globex"},
        {"iss": f"{ISSUER}/"},
        {"aud": "https://mcp.example.com/t/globex/weather/mcp"},
        {"aud": "https://mcp.example.com/t/acme-evil/weather/mcp"},
        {"aud": ["https://mcp.example.com/t/acme/weather/mcp"]},
        {"aud": None},
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": int(time.time()) + 86_400},
        {"sub": None},
        {"grant": None},
        {"endpoint": None},
        {"kind": "platform2"},
    ],
)
def test_other_claims_do_not(changes: dict[str, Any]) -> None:
    assert ISSUED.claims(token(claims(**changes))) is None


@pytest.mark.protocol("A-07")
@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},  # an ID token's
        {"typ": None},
        {"kid": "k2"},
        {"kid": None},
        {"jwk": OTHER.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["kid"]},
        {"cty": "JWT"},
    ],
)
def test_a_header_says_three_things_and_nothing_else(header: dict[str, Any]) -> None:
    assert ISSUED.claims(token(**header)) is None


@pytest.mark.protocol("A-07")
def test_another_key_under_our_name_does_not_sign() -> None:
    assert ISSUED.claims(token(key=OTHER)) is None


@pytest.mark.protocol("A-07")
def test_the_algorithm_is_not_the_tokens_to_choose() -> None:
    public = json.dumps(KEY.as_dict(private=False)).encode()
    confused = token(key=OctKey.import_key(public), alg="HS256")  # type: ignore[arg-type]
    header = _part({"alg": "none", "typ": "at+jwt", "kid": "k1"})

    assert ISSUED.claims(confused) is None
    assert ISSUED.claims(f"{header}.{_part(claims())}.") is None


def test_a_key_of_another_curve_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="P-256"):
        Issuer(signers(k1=ECKey.generate_key("P-384")))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_part_is_covered_by_the_signature(number: int) -> None:
    parts = token().split(".")
    first = parts[number][10]
    parts[number] = parts[number][:10] + ("A" if first != "A" else "B") + parts[number][11:]

    assert ISSUED.claims(".".join(parts)) is None


def test_a_signature_has_one_spelling() -> None:
    """The last character of 64 bytes in base64url carries four bits that mean nothing."""
    good = token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = good[:-1] + alphabet[alphabet.index(good[-1]) ^ 1]

    assert ISSUED.claims(good) is not None
    assert ISSUED.claims(twin) is None


def test_claims_with_the_same_name_twice_are_refused() -> None:
    from joserfc import jws

    body = json.dumps(claims())[:-1] + ', "sub": "usr_ada"}'
    doubled = jws.serialize_compact({"alg": "ES256", "typ": "at+jwt", "kid": "k1"}, body, KEY, algorithms=["ES256"])

    assert ISSUED.claims(doubled) is None


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{86}"))
def test_nothing_else_is_one_and_nothing_raises(text: str) -> None:
    assert ISSUED.claims(text) is None


def test_an_api_key_looks_like_none() -> None:
    assert not looks_like_one("stoa_abcdefgh_" + "x" * 43 + "0a1b2c")
    assert looks_like_one(token())


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
