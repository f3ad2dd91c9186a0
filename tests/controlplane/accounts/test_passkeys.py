"""Passkeys, made and shown by an authenticator written out here (Web Authentication Level 2, sections 6.1 and 6.5)."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from webauthn.helpers import bytes_to_base64url

from controlplane.accounts.models import Authenticator, RecoveryCode
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db

HOST = "localhost"
ADD = "/account/second-factor/passkey/"
SIGN_IN = "/login/passkey/"
VERIFIED, UNVERIFIED = 0x05, 0x01
"""Flags: the person is there, and showed who they are; or is there only."""


@dataclass
class Device:
    """One passkey on one device."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: os.urandom(16))
    counter: int = 0
    origin: str = f"http://{HOST}"
    flags: int = VERIFIED

    def make(self, asked: dict[str, Any]) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(0x40) + credential}
        client = self._client("webauthn.create", asked)
        return self._answer({"attestationObject": cbor2.dumps(attestation), "clientDataJSON": client})

    def show(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.counter += 1
        data, client = self._data(0), self._client("webauthn.get", asked)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({"authenticatorData": data, "clientDataJSON": client, "signature": signature})

    def _data(self, more: int) -> bytes:
        return hashlib.sha256(HOST.encode()).digest() + bytes([self.flags | more]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, asked: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": asked["challenge"], "origin": self.origin}).encode()

    def _answer(self, response: dict[str, bytes]) -> dict[str, Any]:
        texts = {name: bytes_to_base64url(value) for name, value in response.items()}
        name = bytes_to_base64url(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": texts, "clientExtensionResults": {}}


@pytest.fixture
def browser() -> Client:
    return Client(headers={"host": HOST})


def add(browser: Client, device: Device) -> Any:
    return browser.post(f"{ADD}?name=Laptop", device.make(browser.get(ADD).json()), content_type="application/json")


def show(browser: Client, device: Device) -> Any:
    asked = browser.get(SIGN_IN).json()
    return browser.post(f"{SIGN_IN}?next=/account/", device.show(asked), content_type="application/json")


@pytest.fixture
def device(cast: Cast, browser: Client) -> Device:
    """Ben's passkey."""
    device = Device()
    browser.force_login(cast.ben)
    assert len(add(browser, device).json()["codes"]) == 10
    browser.logout()
    return device


def test_a_passkey_signs_in_by_itself(browser: Client, device: Device) -> None:
    answer = show(browser, device)

    assert answer.json() == {"next": "/account/"}
    assert b"ben@acme.example" in browser.get("/account/").content


def test_it_is_a_second_factor_after_a_password(browser: Client, cast: Cast, device: Device) -> None:
    answer = browser.post("/login/", {"username": cast.ben.email, "password": PASSWORD})

    assert answer.headers["Location"] == "/login/second-factor/"
    assert b"Use a passkey" in browser.get("/login/second-factor/").content
    assert show(browser, device).status_code == 200


def test_an_answer_is_good_once(browser: Client, device: Device) -> None:
    answer = device.show(browser.get(SIGN_IN).json())

    first = browser.post(SIGN_IN, answer, content_type="application/json")
    browser.logout()
    again = browser.post(SIGN_IN, answer, content_type="application/json")

    assert (first.status_code, again.status_code) == (200, 400)


def test_an_answer_for_another_browser_is_refused(browser: Client, device: Device) -> None:
    other = Client(headers={"host": HOST})
    answer = device.show(other.get(SIGN_IN).json())
    browser.get(SIGN_IN)

    assert browser.post(SIGN_IN, answer, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"flags": UNVERIFIED}, {"id": b"x" * 16}, {"counter": -1}],
    ids=["from another page", "without the person's proof", "unknown", "cloned"],
)
def test_what_does_not_match_is_refused(browser: Client, device: Device, changes: dict[str, Any]) -> None:
    Authenticator.objects.update(counter=5)
    device.counter = 9
    for name, value in changes.items():
        setattr(device, name, value)

    answer = show(browser, device)

    assert answer.status_code == 400
    assert browser.get("/account/").status_code == 302


def test_another_key_under_the_same_name_is_refused(browser: Client, device: Device) -> None:
    assert show(browser, Device(id=device.id)).status_code == 400


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b"\xff", b'{"id": 1}', b'{"id": "\xc3\xa9"}', b"[" * 9000]
)
def test_what_is_no_answer_is_refused(browser: Client, db: None, body: bytes) -> None:
    browser.get(SIGN_IN)

    assert browser.post(SIGN_IN, body, content_type="application/json").status_code == 400


def test_nobody_adds_somebody_elses_passkey(browser: Client, cast: Cast, device: Device) -> None:
    browser.force_login(cast.cem)

    assert add(browser, device).status_code == 400
    assert not RecoveryCode.objects.filter(user=cast.cem).exists()


def test_an_address_without_a_name_offers_none(cast: Cast) -> None:
    page = Client(headers={"host": "127.0.0.1"}).get("/login/").content

    assert b"Use a passkey" not in page
