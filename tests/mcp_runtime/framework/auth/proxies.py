"""OAuth proxies for tests, and what is asked of them often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp_runtime.framework.auth.oidc_proxy import OIDCProxy
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.storage import KeyValue, MemoryStore
from tests.mcp_runtime.framework.auth import identity
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.mcp_runtime.framework.auth.people import Person
from tests.mcp_runtime.framework.auth.web import BASE, bearer


class Rotating(identity.GitHub):
    """As GitHub's apps with expiring tokens: eight hours, and refresh tokens that work once."""

    gives_refresh_tokens = True
    seconds = 28800


def proxy(idp: IdentityProvider, store: KeyValue | None = None, **options: Any) -> GitHubProvider:
    return GitHubProvider(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=BASE,
        http_client=idp.client(),
        client_storage=store or MemoryStore(),
        **options,
    )


def all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.json"))


async def called(person: Person, token: str) -> int:
    return (await person.browser.post("/mcp", headers=bearer(token))).status_code


def openid(idp: identity.OpenIDProvider, **options: Any) -> OIDCProxy:
    return OIDCProxy(
        config_url=idp.config_url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=BASE,
        http_client=idp.client(),
        client_storage=MemoryStore(),
        **options,
    )
