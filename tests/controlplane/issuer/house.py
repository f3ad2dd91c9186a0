"""The whole platform but its sandboxes on a real port, and a browser without a window."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec
import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from pytest_django import Settings

from controlplane.api.bodies import BodyLimit
from controlplane.asgi import Runtime, Stoa
from controlplane.composition.catalogue import DatabaseCatalogue
from controlplane.issuer.trust import DatabaseTrust
from controlplane.keys.credentials import DatabaseCredentials
from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import Revision
from mcp_runtime.authorization.credentials import KeysAndTokens
from mcp_runtime.authorization.trusted import TrustedIssuers
from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.sandboxes import EventSink
from mcp_runtime.ports.workers import Caller
from tenants.context import acting_for
from tests.support.cast import PASSWORD, Cast

MANIFEST: dict[str, Any] = {
    "name": "weather",
    "tools": [{"name": "get_forecast", "inputSchema": {"type": "object"}}],
    "resources": [],
    "resource_templates": [],
    "prompts": [],
}


@dataclass
class House:
    """What a test sees of it."""

    url: str
    gateway: Gateway
    callers: list[Caller]
    """Who called the tool, in order."""

    @property
    def issuer(self) -> str:
        return f"{self.url}/t/acme"

    @property
    def endpoint(self) -> str:
        return f"{self.issuer}/weather/mcp"


class _Front(Stoa):
    """The composition root's own routing, over a gateway that needs no sandbox."""

    gateway: Gateway

    async def _runtime(self) -> Runtime:
        runtime = Runtime.__new__(Runtime)
        runtime.gateway = self.gateway
        return runtime


@contextlib.asynccontextmanager
async def opened(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    """Serve acme's endpoint `weather` until the block ends."""
    callers: list[Caller] = []

    async def forecast(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
        callers.append(caller)
        return {"content": [{"type": "text", "text": "sunny"}]}

    django: Any = get_asgi_application()
    front = _Front(BodyLimit(django, upload_bytes=django_settings.STOA_MAX_UPLOAD_BYTES), _no_websocket)
    config = uvicorn.Config(front, port=0, lifespan="off", log_level="warning", access_log=False, http="httptools")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    url = settings.STOA_PUBLIC_URL = f"http://127.0.0.1:{port}"
    settings.CSRF_TRUSTED_ORIGINS = [url]

    server_id = await sync_to_async(_publish)(cast)
    front.gateway = Gateway(
        DatabaseCatalogue(),
        KeysAndTokens(DatabaseCredentials(), TrustedIssuers(DatabaseTrust())),
        MemorySandboxes(**{server_id: forecast}),
        GatewaySettings(public_url=url, allowed_hosts=("127.0.0.1",)),
        outlet=lambda lines: None,
    )
    try:
        yield House(url, front.gateway, callers)
    finally:
        server.force_exit = True
        await server.shutdown()
        await front.gateway.aclose()


def _publish(cast: Cast) -> str:
    """A revision as a build leaves it behind: nothing is built here, and no worker is needed."""
    with acting_for(cast.acme.id):
        server = services.register("weather", acting=None)
        revision = Revision.objects.create(
            server=server,
            number=1,
            status="superseded",
            bundle="a" * 64,
            file_name="server.py",
            code="c" * 64,
            entrypoint="server.py",
            manifest=MANIFEST,
        )
        activate(revision, acting=None)
        return revision.server_id


async def _no_websocket(*connection: Any) -> None:
    raise AssertionError("No test opens a WebSocket here.")


class Browser:
    """Follows redirects and fills in forms, as a person would. It keeps cookies."""

    def __init__(self, house: House, email: str) -> None:
        self._email = email
        self._house = house
        self._http = httpx2.Client(verify=False, timeout=30)
        self.pages: list[str] = []
        """The titles it was shown."""

    def close(self) -> None:
        self._http.close()

    def log_in(self, authorization_url: str, decision: str = "allow") -> str:
        """The address at which the client gets its answer."""
        url, answer = authorization_url, self._http.get(authorization_url)
        for _ in range(10):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                if urlsplit(url).netloc != urlsplit(self._house.url).netloc:
                    return url
                answer = self._http.get(url)
                continue
            assert answer.status_code == 200, answer.text
            self.pages.append(_title(answer.text))
            fields = _hidden_fields(answer.text)
            if "ticket" in fields:
                fields["decision"] = decision
            else:
                fields |= {"username": self._email, "password": PASSWORD}
            answer = self._http.post(url, data=fields, headers={"origin": self._house.url})
        raise AssertionError(f"The login went in circles: {self.pages}")

    def decide(self, address: str, decision: str) -> str:
        """Open the page of a device's login, sign in if asked to, and press a button. The text of the last page."""
        url, answer = address, self._http.get(address)
        for _ in range(10):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                answer = self._http.get(url)
                continue
            self.pages.append(_title(answer.text))
            if '<form method="post"' not in answer.text:
                return answer.text
            fields = _hidden_fields(answer.text)
            if "user_code" in fields:
                fields["decision"] = decision
            else:
                fields |= {"username": self._email, "password": PASSWORD}
            answer = self._http.post(url, data=fields, headers={"origin": self._house.url})
        raise AssertionError(f"The login went in circles: {self.pages}")


def _hidden_fields(page: str) -> dict[str, str]:
    form = page[page.rindex('<form method="post"') :]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in found}


def _title(page: str) -> str:
    found = re.search(r"<title>(.*?) · Stoa</title>", page)
    assert found, page
    return html.unescape(found[1])
