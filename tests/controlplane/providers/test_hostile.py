"""Providers that lie, and answers that were meant for somebody else."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from controlplane import outbound
from controlplane.providers import metadata
from controlplane.providers.models import Attempt, Provider
from tenants.context import acting_for
from tests.controlplane.providers.conftest import Door, last_attempt
from tests.controlplane.providers.standins.base import CLIENT_ID, Reply
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


def refused(door: Door, cast: Cast, step: str) -> str:
    """The sign-in ends at this step with a page; what the page says."""
    door.browser = Client()
    answer = door.sign_in()
    assert answer.status_code == 403
    assert not door.signed_in
    last = last_attempt(cast).steps[-1]
    assert (last["step"], last["ok"]) == (step, False), last
    return str(last["detail"])


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"iss": "https://accounts.google.com"}, "issuer"),
        ({"aud": "another-client"}, "audience"),
        ({"aud": [CLIENT_ID, "another-client"]}, "azp"),
        ({"aud": [CLIENT_ID, "another-client"], "azp": "another-client"}, "azp"),
        ({"exp": int(time.time()) - 120}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": "tomorrow"}, "no time"),
        ({"iat": int(time.time()) - 7200}, "too long ago"),
        ({"iat": int(time.time()) + 86_400}, "future"),
        ({"iat": None}, "too long ago"),
        ({"nbf": int(time.time()) + 86_400}, "not valid yet"),
    ],
)
def test_an_id_token_that_says_something_wrong_is_refused(
    door: Door, cast: Cast, said: dict[str, Any], fault: str
) -> None:
    door.standin.said = said

    assert fault in refused(door, cast, "Verify the ID token")


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, ["a"]])
def test_an_id_token_without_a_proper_subject_is_refused(door: Door, cast: Cast, subject: object) -> None:
    door.standin.said = {"sub": subject}

    refused(door, cast, "Read the claims")


def unsigned(door: Door) -> Callable[[dict[str, Any]], str]:
    return lambda claims: f"{_part({'alg': 'none'})}.{_part(claims)}."


def unsigned_with_a_signature(door: Door) -> Callable[[dict[str, Any]], str]:
    return lambda claims: f"{_part({'alg': 'none'})}.{_part(claims)}.AAAA"


def signed_with_the_public_key_as_a_secret(door: Door) -> Callable[[dict[str, Any]], str]:
    """The classic confusion: whoever takes the published key for the secret of an HMAC believes this."""

    def forge(claims: dict[str, Any]) -> str:
        signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(claims)}"
        return f"{signed}.{_encoded(hmac.digest(door.standin.key.as_pem(private=False), signed.encode(), 'sha256'))}"

    return forge


def signed_by_another_key(door: Door) -> Callable[[dict[str, Any]], str]:
    key = RSAKey.generate_key(2048)
    return lambda claims: _signed({"alg": "RS256", "kid": "one"}, claims, key)


def signed_by_a_key_that_it_brings_along(door: Door) -> Callable[[dict[str, Any]], str]:
    key = RSAKey.generate_key(2048)
    return lambda claims: _by_hand({"alg": "RS256", "kid": "one", "jwk": key.as_dict(private=False)}, claims, key)


def signed_by_a_key_at_an_address(door: Door) -> Callable[[dict[str, Any]], str]:
    key = RSAKey.generate_key(2048)
    return lambda claims: _by_hand({"alg": "RS256", "kid": "one", "jku": "https://evil.example/"}, claims, key)


def with_a_critical_extension(door: Door) -> Callable[[dict[str, Any]], str]:
    return lambda claims: _by_hand({"alg": "RS256", "kid": "one", "crit": ["x"], "x": 1}, claims, door.standin.key)


def of_an_unknown_key(door: Door) -> Callable[[dict[str, Any]], str]:
    return lambda claims: _by_hand({"alg": "RS256", "kid": "two"}, claims, door.standin.key)


def with_a_member_twice(door: Door) -> Callable[[dict[str, Any]], str]:
    def forge(claims: dict[str, Any]) -> str:
        payload = json.dumps(claims)[:-1] + ', "sub": "somebody-else"}'
        return jws.serialize_compact({"alg": "RS256", "kid": "one"}, payload.encode(), door.standin.key)

    return forge


@pytest.mark.parametrize(
    "forger",
    [
        unsigned,
        unsigned_with_a_signature,
        signed_with_the_public_key_as_a_secret,
        signed_by_another_key,
        signed_by_a_key_that_it_brings_along,
        signed_by_a_key_at_an_address,
        with_a_critical_extension,
        of_an_unknown_key,
        with_a_member_twice,
    ],
)
def test_an_id_token_that_is_not_signed_as_it_should_is_refused(
    door: Door, cast: Cast, forger: Callable[[Door], Callable[[dict[str, Any]], str]]
) -> None:
    door.standin.forged = forger(door)

    refused(door, cast, "Verify the ID token")


@pytest.mark.parametrize("token", [None, 7, "", "a.b", "a.b.c.d", "x" * 40_000, {"a": 1}])
def test_what_is_no_id_token_is_refused(door: Door, cast: Cast, token: Any) -> None:
    door.standin.forged = lambda claims: token

    refused(door, cast, "Verify the ID token")


def test_a_key_for_another_algorithm_or_use_or_too_short_is_not_used(door: Door, cast: Cast) -> None:
    right = door.standin.published()[0]
    for published in (
        {**right, "alg": "PS256"},
        {**right, "use": "enc"},
        {**right, "kty": "oct", "k": "AAAA"},
        {**right, "n": right["n"][:171]},
        {**right, "e": 3},
    ):
        metadata.forget_everything()
        door.standin.replies["/jwks"] = Reply(body={"keys": [published]})
        refused(door, cast, "Verify the ID token")


def test_keys_of_an_elliptic_curve_count_as_well(door: Door) -> None:
    door.standin.key = ECKey.generate_key("P-256", {"kid": "curve"})
    door.standin.algorithm = "ES256"

    assert door.sign_in().status_code == 302


def test_keys_that_changed_are_fetched_again_though_not_at_every_token(
    door: Door, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.sign_in()
    now = metadata._keys._now()
    door.standin.key = RSAKey.generate_key(2048, {"kid": "two"})
    refused(door, cast, "Verify the ID token")
    refused(door, cast, "Verify the ID token")
    asked = sum(one.path == "/jwks" for one in door.standin.asked)
    monkeypatch.setattr(metadata._keys, "_now", lambda: now + metadata.AGAIN_SECONDS + 1)

    assert asked == 1
    assert door.sign_in().status_code == 302


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"issuer": "https://accounts.google.com"}, "calls the issuer"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "https"),
        ({"jwks_uri": None}, "https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "https"),
    ],
)
def test_a_discovery_document_that_speaks_for_others_or_leads_astray_is_refused(
    door: Door, cast: Cast, document: dict[str, Any], fault: str
) -> None:
    door.standin.document = document

    answer = door.begin()

    assert answer.status_code == 403
    assert fault in last_attempt(cast).steps[-1]["detail"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(302, "", {"Location": "https://169.254.169.254/"}),
        Reply(500, "broken"),
        Reply(body=b"x" * 300_000),
        Reply(body=b"not json"),
        Reply(body=b'{"issuer": 1, "issuer": 2}'),
        Reply(body=b"[" * 100_000),
        Reply(body=b"\xff\xfe"),
        Reply(body=[]),
    ],
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_an_answer_that_is_broken_huge_or_leads_elsewhere_ends_the_sign_in(
    door: Door, cast: Cast, path: str, reply: Reply
) -> None:
    door.standin.replies[path] = reply

    begun = door.begin()
    answer = door.finish(door.at_provider(begun)) if begun.status_code == 302 else begun

    assert answer.status_code == 403
    assert not door.signed_in
    assert not last_attempt(cast).succeeded


def test_a_discovery_document_may_not_lead_into_our_own_network(door: Door, cast: Cast, settings: Any) -> None:
    settings.STOA_FETCH_NETWORKS = []

    assert door.begin().status_code == 403
    assert "public Internet" in last_attempt(cast).steps[-1]["detail"]


def test_an_answer_that_another_browser_began_is_refused(door: Door) -> None:
    """Else an attacker could sign somebody in as themselves."""
    theirs = door.at_provider(door.begin())

    mine = Door(door.standin)
    answer = mine.finish(theirs)

    assert answer.status_code == 403
    assert b"no sign-in that this browser began" in answer.content
    assert not mine.signed_in


def test_an_answer_works_once(door: Door) -> None:
    address = door.at_provider(door.begin())
    first, second = door.finish(address), door.finish(address)

    assert (first.status_code, second.status_code) == (302, 403)


def test_an_answer_that_took_too_long_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    address = door.at_provider(door.begin())
    later = time.time() + 601
    monkeypatch.setattr("controlplane.providers.flow.time.time", lambda: later)

    assert door.finish(address).status_code == 403


def test_an_answer_of_one_provider_is_not_taken_for_anothers(door: Door, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        other = Provider.objects.get()
        other.id, other.slug = "idp_01ARZ3NDEKTSV4RRFFQ69G5FAV", "other"
        other.save(force_insert=True)
    address = door.at_provider(door.begin())

    assert door.finish(address.replace("/acme/id/", "/acme/other/")).status_code == 403


@pytest.mark.parametrize("said", ["https://evil.example", "", "https://127.0.0.1/"])
def test_an_answer_that_names_another_issuer_is_refused(door: Door, cast: Cast, said: str) -> None:
    """RFC 9207: a mix-up of providers."""
    door.standin.answer = {"iss": said}

    refused(door, cast, "Check who answers")


def test_a_provider_that_promises_to_name_itself_has_to(door: Door, cast: Cast) -> None:
    door.standin.document = {"authorization_response_iss_parameter_supported": True}
    refused(door, cast, "Check who answers")

    door.standin.answer = {"iss": door.standin.issuer}
    assert door.sign_in().status_code == 302


def test_a_refusal_of_the_provider_is_told_as_text(door: Door, cast: Cast) -> None:
    begun = door.begin()
    state = parse_qs(urlsplit(begun["Location"]).query)["state"][0]
    told = {"error": "access_denied", "error_description": "<script>alert(1)</script>", "state": state}

    answer = door.finish(f"/sign-in/acme/id/callback?{urlencode(told)}")

    assert answer.status_code == 403
    assert b"access_denied" in answer.content
    assert b"<script>alert" not in answer.content


@pytest.mark.parametrize("query", ["", "state=", "code=x", "state=a&state=b", "state=%00", "state=a&code=b&iss=c"])
def test_an_answer_out_of_nowhere_is_refused(door: Door, cast: Cast, query: str) -> None:
    assert door.finish(f"/sign-in/acme/id/callback?{query}").status_code == 403
    with acting_for(cast.acme.id):
        assert not Attempt.objects.exists()  # a flood of these hides nothing


def test_a_parameter_that_comes_twice_is_refused(door: Door) -> None:
    address = door.at_provider(door.begin())

    assert door.finish(f"{address}&code=another").status_code == 403


def test_the_secret_goes_to_nobody_but_the_token_endpoint(door: Door) -> None:
    door.sign_in()

    with_credentials = {one.path for one in door.standin.asked if "authorization" in one.headers or one.form}
    assert with_credentials == {"/token"}
    assert not [one for one in door.standin.asked if "cookie" in one.headers]


def test_a_host_that_answers_slowly_is_given_up(door: Door, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "SECONDS", 0.0)

    assert door.begin().status_code == 403
    assert "longer than" in last_attempt(cast).steps[-1]["detail"]


def test_a_host_that_sends_a_byte_now_and_then_is_given_up(
    door: Door, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that says it will close the connection, after which Python's own client forgets the socket."""
    monkeypatch.setattr(outbound, "SECONDS", 1.0)
    door.standin.replies["/.well-known/openid-configuration"] = Reply(drips=True)

    assert door.begin().status_code == 403
    assert "longer than" in last_attempt(cast).steps[-1]["detail"]


def _part(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=[header["alg"]])


def _by_hand(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    """A good signature under a header that a library would not write."""
    signed = f"{_part(header)}.{_part(claims)}"
    algorithm: Any = jws.JWSRegistry.algorithms["RS256"]
    signature = algorithm.sign(signed.encode(), key)
    return f"{signed}.{_encoded(signature)}"
