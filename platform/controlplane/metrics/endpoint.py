"""`/metrics`: for who connects from a listed network, or shows the token. To everybody else nothing is there."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from controlplane.metrics import queue
from controlplane.metrics.instruments import Instruments
from mcp_runtime.gateway.app import Gateway
from mcp_runtime.ports.sandboxes import SandboxError
from mcp_runtime.sandbox.client import RunnerClient

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

RUNNER_SECONDS = 2.0
PATH = "/metrics"


class Metrics:
    """The instruments of this process, and the page that shows them."""

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._plan_loads = 0
        self._networks = [ip_network(network) for network in settings.STOA_METRICS_NETWORKS]

    async def answer(self, scope: Scope, send: Send, gateway: Gateway, sandboxes: RunnerClient) -> None:
        if not self._admits(scope):
            await _respond(send, 404, b"Not found.\n", b"text/plain")
            return
        figures, instruments = gateway.figures, self.instruments
        instruments.in_flight.set(figures.calls)
        instruments.streams.set(figures.streams)
        instruments.plans.set(figures.plans)
        instruments.plan_loads.inc(figures.plan_loads - self._plan_loads)
        self._plan_loads = figures.plan_loads
        await asyncio.gather(self._ask_runner(sandboxes), self._ask_redis())
        await _respond(send, 200, generate_latest(instruments.registry), CONTENT_TYPE_LATEST.encode())

    def counted(self, application: Application) -> Application:
        """The application, with its requests counted by part."""

        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            began, status = time.perf_counter(), 500

            async def noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await application(scope, receive, noted)
            finally:
                part = _part(str(scope["path"]))
                self.instruments.http_requests.labels(part, f"{status // 100}xx").inc()
                self.instruments.http_seconds.labels(part).observe(time.perf_counter() - began)

        return count

    def _admits(self, scope: Scope) -> bool:
        token = settings.STOA_METRICS_TOKEN
        shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if token and hmac.compare_digest(shown, f"Bearer {token}".encode()):
            return True
        client = (scope.get("client") or ("",))[0]
        try:
            address = ip_address(client)
        except ValueError:
            return False  # a Unix socket, or nothing that we know
        return any(address in network for network in self._networks)

    async def _ask_runner(self, sandboxes: RunnerClient) -> None:
        instruments = self.instruments
        try:
            async with asyncio.timeout(RUNNER_SECONDS):
                report = await sandboxes.status()
        except (SandboxError, TimeoutError, OSError):
            instruments.sandbox_up.set(0)
            return
        instruments.sandbox_up.set(1)
        instruments.sandbox_missing.set(len(report.get("missing", ())))
        instruments.workers.clear()
        workers = report.get("workers", ())
        for worker in workers:
            instruments.workers.labels(worker["state"]).inc()
        instruments.worker_bytes.set(sum(worker.get("rss_bytes") or 0 for worker in workers))

    async def _ask_redis(self) -> None:
        instruments = self.instruments
        try:
            waiting = await queue.look()
        except (RedisError, OSError):
            instruments.redis_up.set(0)
            return
        instruments.redis_up.set(1)
        instruments.queue_length.set(waiting.length)
        instruments.queue_age.set(waiting.age)


def _part(path: str) -> str:
    """Which part of the platform a path belongs to: few enough to be labels."""
    if path.startswith("/api/"):
        return "api"
    if path.startswith(("/t/", "/.well-known/")):
        return "issuer"
    if path in ("/healthz", "/readyz"):
        return "probes"
    return "static" if path.startswith("/static/") else "dashboard"


async def _respond(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
