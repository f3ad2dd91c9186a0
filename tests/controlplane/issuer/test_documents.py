"""Clients known by the address of their metadata, and the fetching of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from controlplane import outbound
from controlplane.issuer import documents
from controlplane.issuer.models import Client as Program
from controlplane.outbound import FetchError, fetch
from tenants.context import acting_for
from tests.controlplane.issuer.conftest import REDIRECT, Flow
from tests.controlplane.issuer.document_host import Host, trusted
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def host(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with trusted(tmp_path, settings, monkeypatch) as host:
        yield host


@pytest.fixture
def published(flow: Flow, host: Host) -> Flow:
    """A client that is a document at the host."""
    flow.client_id = host.publish(REDIRECT)
    return flow


@pytest.mark.protocol("O-10")
def test_a_client_is_known_by_its_document(published: Flow, cast: Cast) -> None:
    page = published.authorize()
    tokens = published.log_in()

    assert b"A documented client" in page.content
    assert published.client_id.encode() in page.content
    assert published.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.protocol("O-10")
def test_a_document_is_kept_for_a_while(published: Flow, host: Host, cast: Cast) -> None:
    published.authorize()
    published.authorize()
    asked_while_fresh = len(host.asked)
    with acting_for(cast.acme.id):
        Program.objects.update(fresh_until=timezone.now())
    published.authorize()

    assert asked_while_fresh == 1
    assert len(host.asked) == 2


@pytest.mark.protocol("O-10")
def test_strangers_do_not_make_us_fetch(published: Flow, host: Host) -> None:
    published.browser = Client()

    answer = published.authorize()

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
    assert host.asked == []


@pytest.mark.protocol("O-10")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://other.example/client.json"},
        {"client_name": ""},
        {"redirect_uris": ["http://evil.example/"]},
        {"redirect_uris": []},
        {"client_secret": "x"},
        {"token_endpoint_auth_method": "client_secret_post"},
    ],
)
def test_a_document_that_says_something_else_is_refused(published: Flow, host: Host, changes: dict[str, Any]) -> None:
    host.publish(REDIRECT, **changes)

    answer = published.authorize()

    assert answer.status_code == 400
    assert "Location" not in answer


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (302, "application/json", b"{}"),
        (404, "application/json", b"{}"),
        (200, "text/html", b"{}"),
        (200, "application/json", b"[]"),
        (200, "application/json", b'{"client_id": 1, "client_id": 2}'),
        (200, "application/json", b"x" * (outbound.MAX_BYTES + 1)),
    ],
)
def test_other_answers_are_refused(published: Flow, host: Host, status: int, content_type: str, body: bytes) -> None:
    host.status, host.body, host.headers["Content-Type"] = status, body, content_type
    host.headers["Location"] = f"{host.url}/elsewhere"

    answer = published.authorize()

    assert answer.status_code == 400
    assert len(host.asked) == 1


@pytest.mark.protocol("O-10")
def test_a_redirect_that_the_document_does_not_name_is_not_followed(published: Flow) -> None:
    answer = published.authorize(redirect_uri="https://app.example/other")

    assert answer.status_code == 400


def test_a_changed_document_is_asked_about_again(published: Flow, host: Host, cast: Cast) -> None:
    published.decide()
    host.publish(REDIRECT, client_name="Someone else")
    with acting_for(cast.acme.id):
        Program.objects.update(fresh_until=timezone.now())

    assert b"Someone else" in published.authorize().content


@pytest.mark.protocol("O-11")
def test_with_a_loopback_address_it_is_asked_about_each_time(published: Flow, host: Host) -> None:
    published.redirect_uri = "http://127.0.0.1:4000/cb"
    host.publish("http://127.0.0.1/cb")
    published.decide()

    assert published.authorize().status_code == 200


@pytest.mark.protocol("O-10", "U-06")
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/client.json",
        "https://localhost/client.json",
        "https://[::1]/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/client.json",
        "https://0x7f000001/client.json",
    ],
)
def test_our_own_network_is_not_fetched_from(url: str) -> None:
    with pytest.raises(FetchError, match=r"not on the public Internet|has no address"):
        fetch(url)


def test_the_certificate_has_to_be_the_hosts(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    outbound._tls.cache_clear()

    with pytest.raises(FetchError, match="could not be reached"):
        fetch(f"{host.url}/client.json")


@pytest.mark.parametrize(
    "url", ["http://app.example/x", "https://u@app.example/x", "ftp://app.example/x", "https:///x"]
)
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(FetchError, match="must be https"):
        fetch(url)


@pytest.mark.parametrize(
    ("client_id", "address"),
    [
        ("https://app.example/client.json", True),
        ("https://app.example:8443/a/b", True),
        ("https://app.example", False),
        ("https://app.example/", False),
        ("http://app.example/client.json", False),
        ("https://app.example/a/../b", False),
        ("https://app.example/client.json#x", False),
        ("https://user@app.example/client.json", False),
        ("https://app.example:x/client.json", False),
        ("cli_01JD8Q9ZJ4X5T6V7W8Y9Z0A1B2", False),
    ],
)
def test_which_identifiers_are_addresses(client_id: str, address: bool) -> None:
    assert documents.is_address(client_id) is address


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", timedelta(minutes=5)),
        ("no-store", timedelta(minutes=5)),
        ("max-age=1", timedelta(minutes=5)),
        ("public, max-age=3600", timedelta(hours=1)),
        ("max-age=99999999", timedelta(days=1)),
    ],
)
def test_how_long_a_document_is_believed(header: str, expected: timedelta) -> None:
    assert documents.lifetime(header) == expected
