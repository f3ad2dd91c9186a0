"""The composition root: what goes where, from start to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from controlplane.asgi import Stoa, application
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

Answer = tuple[int, dict[str, str], bytes]


async def request(
    app: Any, method: str, path: str, body: Iterable[bytes] = (b"",), headers: dict[str, str] | None = None
) -> Answer:
    """One HTTP exchange, driven by hand: the body comes in the given pieces."""
    chunks = list(body) or [b""]
    coming = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    sent: list[MutableMapping[str, Any]] = []
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop(0)
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in {"host": "127.0.0.1", **(headers or {})}.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": raw, "scheme": "http",
        "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    over.set()
    head = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(message.get("body", b"") for message in sent[1:])


@asynccontextmanager
async def started() -> AsyncIterator[Stoa]:
    """The application within its lifespan, as uvicorn runs it."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(application({"type": "lifespan"}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield application
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await running


async def test_the_gateway_answers_in_front_of_django(cast: Cast) -> None:
    async with started() as app:
        status, headers, body = await request(app, "POST", "/t/acme/weather/mcp", [b"{}"])

    assert status == 401
    assert headers["www-authenticate"].startswith("Bearer")
    assert "content-security-policy" not in headers
    assert b"unauthenticated" in body


async def test_without_a_lifespan_the_first_call_starts_the_gateway(cast: Cast) -> None:
    app = Stoa(application._http, application._websocket)

    first, second = await asyncio.gather(
        request(app, "POST", "/t/acme/weather/mcp", [b"{}"]), request(app, "POST", "/t/acme/weather/mcp", [b"{}"])
    )
    assert app._starting is not None
    runtime = await app._starting

    assert first[0] == second[0] == 401
    await runtime.aclose()


async def test_django_answers_the_rest(cast: Cast) -> None:
    status, headers, body = await request(application, "GET", "/healthz")

    assert (status, body) == (200, b'{"status": "ok"}')
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_ready_says_which_part_is_missing_and_under_which_role_it_works(cast: Cast) -> None:
    status, _, body = await request(application, "GET", "/readyz")

    assert status == 503
    assert b'"role": "stoa_app", "bypasses_row_security": false' in body
    assert b'"redis": {"ok": true}' in body
    assert b'"sandbox": {"ok": false' in body


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused_before_django_keeps_it(cast: Cast, declared: bool) -> None:
    pieces = [b"x" * 500_000] * 3
    headers = {"content-length": "1500000"} if declared else {}

    status, head, body = await request(application, "POST", "/api/v1/tenants/acme/servers", pieces, headers)

    assert status == 413
    assert head["content-type"] == "application/problem+json"
    assert b'"limit_bytes": 1048576' in body


async def test_a_deploy_may_be_larger_and_its_limit_is_named(cast: Cast) -> None:
    path = "/api/v1/tenants/acme/servers/weather/revisions"

    within = await request(application, "POST", path, [b"x" * 3_000_000])
    over = await request(application, "POST", path, headers={"content-length": str(60 * 1024 * 1024)})

    assert within[0] == 401
    assert over[0] == 413
    assert b"larger than 50 MB" in over[2]


async def test_a_websocket_from_another_site_is_refused(cast: Cast) -> None:
    sent: list[MutableMapping[str, Any]] = []
    coming = [{"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket", "path": "/live/acme/revisions/rev_1/log", "query_string": b"", "subprotocols": [],
        "headers": [(b"host", b"127.0.0.1"), (b"origin", b"https://evil.example")],
    }  # fmt: skip
    await application(scope, receive, send)

    assert sent[0]["type"] == "websocket.close"
