# ruff: noqa: E402 - Django is set up before anything that imports its models
"""The composition root: the one ASGI application, and the one place that joins the runtime's ports to their tables.

    /metrics        this process' numbers, for Prometheus
    /t/…            the MCP gateway, in front of Django (PERFORMANCE 3: Django's layers alone cost 20 times a call)
    /t/…/oauth/…    the tenants' issuers, in Django, as are the well-known addresses
    websockets      Channels: live pages of the dashboard
    all the rest    Django

Runs under uvicorn (lifespan starts and stops the runtime) and under daphne, which has no lifespan: there the first
request starts it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

from django.core.asgi import get_asgi_application

_django: Any = get_asgi_application()  # first of all: what follows imports models

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings

from controlplane import urls  # noqa: F401 - the first request shall not pay for the imports of every view
from controlplane.api.bodies import Application, BodyLimit, Receive, Scope, Send
from controlplane.calls.writing import CallWriter
from controlplane.composition.catalogue import DatabaseCatalogue
from controlplane.connections.lending import DatabaseConnections
from controlplane.dashboard.routing import websocket_urlpatterns
from controlplane.issuer.trust import DatabaseTrust
from controlplane.issuer.urls import serves as issuer_serves
from controlplane.keys.credentials import DatabaseCredentials
from controlplane.metrics import endpoint as metrics
from controlplane.metrics.instruments import Instruments
from controlplane.providers.bearer import WithTrustedIssuers
from controlplane.registry.noticing import Refreshes
from controlplane.tasks.port import DatabaseTasks
from controlplane.traces import opened
from controlplane.vault.secrets import DatabaseSecrets
from mcp_runtime.authorization.credentials import KeysAndTokens
from mcp_runtime.authorization.trusted import TrustedIssuers
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.records import to_stderr
from mcp_runtime.gateway.sealing import derived_key
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.sandbox.client import RunnerClient
from mcp_runtime.sessions.redis import RedisSessions


class Runtime:
    """The gateway and its ways to servers: one per process, bound to the event loop that starts it."""

    def __init__(self, instruments: Instruments) -> None:
        self.calls = CallWriter()
        self._instruments = instruments
        self._spans = opened("stoa-web")
        self.sandboxes = RunnerClient(Path(settings.STOA_RUNNER_SOCKET), DatabaseSecrets())
        self.gateway = Gateway(
            DatabaseCatalogue(),
            WithTrustedIssuers(KeysAndTokens(DatabaseCredentials(), TrustedIssuers(DatabaseTrust()))),
            self.sandboxes,
            GatewaySettings(
                public_url=settings.STOA_PUBLIC_URL,
                allowed_hosts=tuple(settings.ALLOWED_HOSTS),
                allowed_origins=tuple(settings.STOA_ALLOWED_ORIGINS),
                sealing_key=derived_key(settings.SECRET_KEY, "gateway sealing"),
                traced_percent=None if self._spans is None else settings.STOA_TRACES_SAMPLE_PERCENT,
            ),
            sessions=RedisSessions(settings.REDIS_URL),
            remotes=Remotes(
                DatabaseSecrets(),
                connections=DatabaseConnections(),
                networks=settings.STOA_FETCH_NETWORKS,
                on_change=Refreshes(),
            ),
            outlet=self._keep,
            tasks=DatabaseTasks(),
        )

    async def start(self) -> None:
        self.calls.start()
        await self.sandboxes.start()
        await self.gateway.start()

    async def aclose(self) -> None:
        await self.gateway.aclose()
        await self.sandboxes.aclose()
        await asyncio.to_thread(self.calls.close)
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)

    def _keep(self, records: bytes) -> None:
        """Requests go to the log, to their tenants' tables, into the metrics, and to who collects traces."""
        to_stderr(records)
        self.calls.put(records)
        self._instruments.keep(records)
        if self._spans is not None:
            self._spans.put(records)


class Stoa:
    """Sends each connection where it belongs."""

    def __init__(self, http: Application, websocket: Application) -> None:
        self._metrics = metrics.Metrics()
        self._http = self._metrics.counted(http)
        self._websocket = websocket
        self._starting: asyncio.Task[Runtime] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http" if Gateway.serves(scope) and not issuer_serves(scope["path"]):
                runtime = await self._runtime()
                await runtime.gateway(scope, receive, send)
            case "http" if scope["path"] == metrics.PATH:
                runtime = await self._runtime()
                await self._metrics.answer(scope, send, runtime.gateway, runtime.sandboxes)
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                with self._metrics.instruments.websockets.track_inprogress():
                    await self._websocket(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)

    async def drain(self) -> None:
        """Send away who only waits, because this process is about to stop."""
        if self._starting is not None:
            (await self._starting).gateway.drain()

    async def _runtime(self) -> Runtime:
        if self._starting is None:
            self._starting = asyncio.create_task(_started(self._metrics.instruments))
        # Shielded: the first caller may hang up while the others wait for the same start.
        return await asyncio.shield(self._starting)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._runtime()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                starting, self._starting = self._starting, None
                if starting is not None:
                    await (await starting).aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _started(instruments: Instruments) -> Runtime:
    runtime = Runtime(instruments)
    await runtime.start()
    return runtime


_live_pages: Any = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))

application = Stoa(
    http=BodyLimit(_django, upload_bytes=settings.STOA_MAX_UPLOAD_BYTES),
    websocket=_live_pages,
)
