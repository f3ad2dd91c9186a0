"""Signed tokens: by a key given, a shared secret, or an issuer's published keys (FASTMCP A-09)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from mcp_runtime.framework.auth import AccessToken
from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.jwks import PublishedKeys
from mcp_runtime.framework.auth.providers.jwt import JWTProvider, JWTVerifier, RSAKeyPair
from tests.mcp_runtime.framework.auth.web import bearer, site

SECRET = "a signing key of at least thirty-two bytes"
ISSUER = "https://issuer.example.com"
JWKS = f"{ISSUER}/keys"


@cache
def pair() -> RSAKeyPair:
    return RSAKeyPair.generate()


def verifier(**options: Any) -> JWTVerifier:
    return JWTVerifier(public_key=pair().public_key, issuer=ISSUER, audience="weather", **options)


def token(**changes: Any) -> str:
    return pair().create_token(
        subject="ada", issuer=ISSUER, audience="weather", scopes=["read"], additional_claims=changes
    )


def hs(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode({"alg": algorithm, **header}, claims, OctKey.import_key(secret), algorithms=[algorithm])


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    """A token as an attacker makes it: whatever the header says, signed with HMAC."""

    def part(data: bytes) -> str:
        return urlsafe_b64encode(data).rstrip(b"=").decode()

    body = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{body}.{part(hmac.digest(secret.encode(), body.encode(), hashlib.sha256))}"


@pytest.mark.fastmcp("A-09")
async def test_a_token_of_the_issuer_for_this_audience_is_accepted() -> None:
    found = await verifier().verify_token(token(client_id="cli"))

    assert isinstance(found, AccessToken)
    assert (found.client_id, found.subject, found.scopes) == ("cli", "ada", ["read"])
    assert found.claims["iss"] == ISSUER


@pytest.mark.protocol("A-06", "A-07")
@pytest.mark.fastmcp("A-09")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example.com"},
        {"aud": "another server"},
        {"aud": None},
        {"exp": int(time.time()) - 60},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"exp": True},
        {"nbf": int(time.time()) + 86_400},
        {"token_use": "id"},
        {"typ": "Refresh"},
    ],
)
async def test_a_token_of_someone_else_for_someone_else_or_another_time_is_refused(changes: dict[str, Any]) -> None:
    assert await verifier().verify_token(token(**changes)) is None


@pytest.mark.fastmcp("A-09", status="safer")
async def test_the_public_key_does_not_open_as_a_shared_secret() -> None:
    """Algorithm confusion: the token says HS256 and is signed with the text of the public key."""
    forged = by_hand({"alg": "HS256"}, {"iss": ISSUER, "aud": "weather"}, pair().public_key)

    assert await verifier().verify_token(forged) is None


@pytest.mark.fastmcp("A-09", status="safer")
@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"crit": ["b64"]}, {"jku": JWKS}, {"jwk": {}}, {"x5u": JWKS}, {"typ": "rt+jwt"}]
)
async def test_a_header_that_chooses_how_it_is_verified_is_refused(header: dict[str, Any]) -> None:
    found = JWTVerifier(public_key=SECRET, algorithm="HS256")

    assert await found.verify_token(by_hand({"alg": "HS256"}, {"sub": "ada"}, SECRET)) is not None
    assert await found.verify_token(by_hand({"alg": "HS256", **header}, {"sub": "ada"}, SECRET)) is None


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "..", "e30.e30.e30", "é.é.é", "x" * 20_000])
async def test_what_is_no_token_is_refused(text: str) -> None:
    assert await verifier().verify_token(text) is None


@pytest.mark.fastmcp("A-09", status="safer")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "needs public_key= or jwks_uri="),
        ({"public_key": SECRET, "jwks_uri": JWKS}, "not both"),
        ({"public_key": SECRET}, "is no PEM text"),
        ({"jwks_uri": JWKS, "algorithm": "HS256"}, "needs a shared secret"),
        ({"public_key": "-----BEGIN PUBLIC KEY-----", "algorithm": "HS256"}, "everybody could sign"),
        ({"public_key": SECRET, "algorithm": "none"}, "is not one of"),
        ({"jwks_uri": "file:///etc/passwd"}, "is not an address"),
    ],
)
def test_a_verifier_that_cannot_work_or_is_unsafe_is_not_made(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(WrongSetting, match=reason):
        JWTVerifier(**options)


@pytest.mark.fastmcp("A-09", status="document")
async def test_the_documents_jwt_provider_shares_a_secret() -> None:
    provider = JWTProvider(jwt_signing_key=SECRET)

    async with site(provider) as client:
        let_in = await client.post("/mcp", headers=bearer(hs({"sub": "ada", "scp": ["a", "b"]})))
        refused = await client.post("/mcp", headers=bearer(hs({"sub": "ada"}, "another key of thirty-two bytes or so")))

    assert let_in.json()["scopes"] == ["a", "b"]
    assert refused.status_code == 401


@pytest.mark.fastmcp("A-09")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_each_symmetric_algorithm_accepts_its_own_tokens_only(algorithm: str) -> None:
    secret = SECRET * 2
    found = JWTVerifier(public_key=secret, algorithm=algorithm)

    assert await found.verify_token(hs({"sub": "ada"}, secret, algorithm)) is not None
    for other in {"HS256", "HS384", "HS512"} - {algorithm}:
        assert await found.verify_token(hs({"sub": "ada"}, secret, other)) is None


def test_a_short_secret_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    JWTVerifier(public_key="short", algorithm="HS256")

    assert "can be guessed" in caplog.text


class Issuer:
    """Publishes keys, and counts how often it is asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.status = 200

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == JWKS
        self.asked += 1
        return httpx2.Response(self.status, json={"keys": self.keys})

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self))


def published(key: RSAKey | ECKey | OKPKey, kid: str, **members: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, **members}


KEYS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "ES256": lambda: ECKey.generate_key("P-256"),
    "ES384": lambda: ECKey.generate_key("P-384"),
}


@pytest.mark.fastmcp("A-09")
@pytest.mark.parametrize("algorithm", KEYS)
async def test_keys_are_fetched_once_and_chosen_by_name(algorithm: str) -> None:
    right, other = KEYS[algorithm](), KEYS[algorithm]()
    issuer = Issuer({"kty": "oct", "k": "c2VjcmV0", "kid": "b"}, published(other, "a"), published(right, "b"))
    found = JWTVerifier(jwks_uri=JWKS, algorithm=algorithm, http_client=issuer.client())
    good = jwt.encode({"alg": algorithm, "kid": "b"}, {"sub": "ada"}, right, algorithms=[algorithm])
    forged = jwt.encode({"alg": algorithm, "kid": "b"}, {"sub": "ada"}, other, algorithms=[algorithm])

    assert issuer.asked == 0
    assert await found.verify_token(good) is not None
    assert await found.verify_token(forged) is None
    assert issuer.asked == 1


@pytest.mark.fastmcp("A-09")
async def test_keys_are_kept_an_hour_and_asked_again_for_a_new_name() -> None:
    now = [0.0]
    issuer = Issuer(published(KEYS["RS256"](), "old"))
    keys = PublishedKeys(JWKS, "RS256", Fetcher(issuer.client()), now=lambda: now[0])

    assert await keys.find("old") is not None
    issuer.keys = [published(KEYS["RS256"](), "new")]
    assert await keys.find("new") is None  # too soon to ask again
    now[0] = 31
    assert await keys.find("new") is not None
    assert issuer.asked == 2
    now[0] = 31 + 3599
    assert await keys.find("new") is not None
    assert issuer.asked == 2
    now[0] = 31 + 3600
    assert await keys.find("new") is not None
    assert issuer.asked == 3


async def test_known_keys_survive_an_issuer_that_is_down() -> None:
    now = [0.0]
    issuer = Issuer(published(KEYS["RS256"](), "a"))
    keys = PublishedKeys(JWKS, "RS256", Fetcher(issuer.client()), now=lambda: now[0])
    await keys.find("a")

    issuer.status, now[0] = 503, 7200

    assert await keys.find("a") is not None


async def test_an_issuer_that_never_answered_is_not_the_callers_fault() -> None:
    issuer = Issuer()
    issuer.status = 500
    found = JWTVerifier(jwks_uri=JWKS, http_client=issuer.client())

    with pytest.raises(ProviderUnavailable, match=r"issuer\.example\.com/keys answered 500"):
        await found.verify_token(token())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "2002::1", "x"]
)
def test_addresses_that_are_not_public_are_known(address: str) -> None:
    from mcp_runtime.framework.auth.fetch import is_public

    assert not is_public(address)
    assert is_public("8.8.8.8")
    assert is_public("2606:4700:4700::1111")


async def test_an_ssrf_safe_verifier_does_not_reach_into_the_network_it_stands_in() -> None:
    found = JWTVerifier(jwks_uri="https://localhost/keys", ssrf_safe=True)

    with pytest.raises(ProviderUnavailable, match="is not on the public Internet"):
        await found.verify_token(token())


async def test_an_answer_without_end_is_cut_off() -> None:
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=b"x" * 2_000_000))
    )

    with pytest.raises(ProviderUnavailable, match="more than 1048576 bytes"):
        await Fetcher(client).get(JWKS)


async def test_a_redirect_is_not_followed() -> None:
    issuer = httpx2.MockTransport(lambda _: httpx2.Response(302, headers={"location": "http://169.254.169.254/"}))

    answer = await Fetcher(httpx2.AsyncClient(transport=issuer)).get(JWKS)

    assert answer.status == 302
