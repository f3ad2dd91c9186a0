"""Clients that are an address (PROTOCOL O-10)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth.client_documents import ClientDocuments, is_client_address
from mcp_runtime.framework.auth.errors import OAuthError
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.auth.redirects import RedirectPolicy
from mcp_runtime.framework.storage import MemoryStore
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET, GitHub
from tests.mcp_runtime.framework.auth.logins import REDIRECT
from tests.mcp_runtime.framework.auth.people import Person
from tests.mcp_runtime.framework.auth.web import BASE, bearer, site

ADDRESS = "https://app.example.com/oauth/client.json"
DOCUMENT = {"client_id": ADDRESS, "client_name": "The app", "redirect_uris": [REDIRECT]}


class Host:
    """Serves the document, and counts."""

    def __init__(self, document: Any = DOCUMENT, status: int = 200, **headers: str) -> None:
        self.document, self.status, self.headers = document, status, headers
        self.asked = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        return httpx2.Response(self.status, json=self.document, headers=self.headers)

    def documents(self, now: Any = None) -> ClientDocuments:
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self))
        options = {} if now is None else {"now": now}
        return ClientDocuments(RedirectPolicy(None), Fetcher(client, most_bytes=10 * 1024), **options)


@pytest.mark.protocol("O-10", "D-13")
@pytest.mark.fastmcp("A-13", status="later")
async def test_a_person_logs_in_with_a_client_that_never_registered() -> None:
    idp = GitHub()
    provider = GitHubProvider(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=BASE,
        client_storage=MemoryStore(),
        http_client=idp.client(),
    )
    provider.client_documents = Host().documents()
    async with site(provider) as browser:
        person = Person(browser, idp)
        person.client.client_id = ADDRESS
        metadata = (await browser.get("/.well-known/oauth-authorization-server")).json()
        page = await person.consent_page()
        token = (await person.log_in())["access_token"]
        called = await browser.post("/mcp", headers=bearer(token))

    assert metadata["client_id_metadata_document_supported"] is True
    assert "The app" in page.text
    assert called.status_code == 200


@pytest.mark.protocol("O-10")
@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (Host({**DOCUMENT, "client_id": "https://app.example.com/other"}), "about another client"),
        (Host({**DOCUMENT, "redirect_uris": ["https://evil.example/cb"]}), "does not send people back"),
        (Host({**DOCUMENT, "token_endpoint_auth_method": "client_secret_post"}), "has no secret"),
        (Host({**DOCUMENT, "client_secret": "x"}), "has no secret"),
        (Host(["no object"]), "cannot be had"),
        (Host(DOCUMENT, 404), "answered 404"),
        (Host(DOCUMENT, 302, location="http://169.254.169.254/"), "answered 302"),
        (Host(DOCUMENT, 500), "cannot be had"),
        (Host({**DOCUMENT, "padding": "x" * 20_000}), "cannot be had"),
    ],
)
async def test_a_document_that_is_wrong_is_refused_with_the_reason(host: Host, reason: str) -> None:
    with pytest.raises(OAuthError, match=reason):
        await host.documents().get(ADDRESS)


@pytest.mark.protocol("O-10")
@pytest.mark.parametrize(
    ("cache_control", "kept"), [("", 3600), ("max-age=600", 600), ("no-store", 60), ("max-age=99999999", 86400)]
)
async def test_a_document_is_kept_as_long_as_it_says_within_bounds(cache_control: str, kept: int) -> None:
    now = [0.0]
    host = Host(DOCUMENT)
    host.headers["cache-control"] = cache_control
    documents = host.documents(lambda: now[0])

    for second in (0, kept - 1, kept):
        now[0] = second
        await documents.get(ADDRESS)

    assert host.asked == 2


async def test_a_failure_is_kept_too() -> None:
    host = Host(DOCUMENT, 404)
    documents = host.documents()

    for _ in range(3):
        with pytest.raises(OAuthError):
            await documents.get(ADDRESS)

    assert host.asked == 1


@pytest.mark.protocol("O-10")
async def test_an_address_in_the_servers_own_network_is_not_fetched() -> None:
    with pytest.raises(OAuthError, match="cannot be had"):
        await ClientDocuments(RedirectPolicy(None)).get("https://localhost/client.json")


@pytest.mark.protocol("O-10")
@pytest.mark.parametrize(
    ("client_id", "is_one"),
    [
        (ADDRESS, True),
        ("http://app.example.com/client.json", False),
        ("https://app.example.com", False),
        ("https://app.example.com/", False),
        ("https://app.example.com/a#b", False),
        ("https://user@app.example.com/a", False),
        ("https://app.example.com/a/../b", False),
        ("https://app.example.com/%2e%2e/b", False),
        ("client-0123", False),
    ],
)
def test_only_plain_https_addresses_with_a_path_are_clients(client_id: str, is_one: bool) -> None:
    assert is_client_address(client_id) is is_one
