"""The nginx configuration of `deploy/`, in front of two real web processes."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.test import Client

from controlplane import probing
from controlplane.keys.services import create_key
from tenants.context import acting_for
from tenants.roles import PERMISSIONS_OF
from tests.deploy.front import Front, opened
from tests.support import wait_until
from tests.support.cast import Cast

committed = pytest.mark.django_db(transaction=True)
"""What the web processes read was committed."""

CALLERS = 4


@pytest.fixture(scope="module")
def front(django_db_setup: None) -> Iterator[Front]:
    with tempfile.TemporaryDirectory(prefix="stoa-front-") as folder, opened(Path(folder)) as front:
        yield front


@pytest.fixture
def key(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of acme, which has an endpoint `desk` that needs no sandbox."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)
    with acting_for(cast.acme.id):
        token = create_key("test", scopes=PERMISSIONS_OF["developer"], audience="*", acting=None).token
    body = {"document": {"title": "Desk", "resources": [{"uri": "desk://hours", "name": "Hours", "text": "9 to 5"}]}}
    saved = Client(headers={"authorization": f"Bearer {token}"}).put(
        "/api/v1/tenants/acme/servers/desk/static", data=json.dumps(body), content_type="application/json"
    )
    assert saved.status_code == 200, saved.content
    return token


def ask(client: httpx2.Client, key: str, number: int) -> httpx2.Response:
    return client.post(
        "/t/acme/desk/mcp",
        json={"jsonrpc": "2.0", "id": number, "method": "resources/list", "params": {}},
        headers={
            "authorization": f"Bearer {key}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-06-18",
        },
    )


def test_who_called_is_known_and_cannot_be_made_up(front: Front) -> None:
    headers = {probing.HEADER: probing.make_pass(), "X-Forwarded-For": "192.0.2.77", "X-Forwarded-Proto": "http"}

    with front.client("127.0.0.2") as client:
        seen = client.get("/healthz", headers=headers).json()

    assert seen == {"status": "ok", "client": "127.0.0.2", "scheme": "https"}


def test_a_large_source_reaches_the_platform(front: Front) -> None:
    with front.client() as client:
        answer = client.post("/api/v1/tenants/acme/servers/big/revisions", content=bytes(20 * 1024 * 1024))

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_numbers_are_not_shown_outside(front: Front) -> None:
    with front.client() as client:
        assert client.get("/metrics").status_code == 404
    inside = httpx2.get(f"http://127.0.0.1:{front.backends[0]}/metrics", timeout=30)
    assert "stoa_calls_in_flight" in inside.text


def test_an_upgrade_reaches_the_live_pages(front: Front) -> None:
    """Nobody is signed in, so they refuse: with 403, which only the WebSocket side of the platform says."""
    request = (
        f"GET /live/ HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nOrigin: {front.url}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", front.port), 60) as plain,
        front.tls.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(request.encode())
        status = connection.recv(64).split(b"\r\n")[0]

    assert status.split()[1] in (b"101", b"403"), status


@committed
def test_no_request_fails_while_both_processes_restart(front: Front, key: str) -> None:
    stop, answered = threading.Event(), itertools.count()
    wrong: list[Any] = []
    said: list[str] = []

    def call(caller: int) -> None:
        with front.client() as client:
            for number in itertools.count(caller * 1_000_000):
                if stop.is_set():
                    return
                answer = ask(client, key, number)
                if answer.status_code != 200 or answer.json().get("id") != number or "Hours" not in answer.text:
                    wrong.append((answer.status_code, answer.text[:300]))
                next(answered)

    def listen() -> None:
        headers = {"authorization": f"Bearer {key}", "accept": "text/event-stream"}
        with front.client() as client, client.stream("GET", "/t/acme/desk/sse", headers=headers) as stream:
            said.extend(stream.iter_text())

    threads = [threading.Thread(target=listen), *(threading.Thread(target=call, args=(n,)) for n in range(CALLERS))]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: any("event: endpoint" in text for text in said), 60)  # not held back by a buffer
        statuses = [_restart(front, port) for port in front.backends]
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)

    assert wrong == []
    assert next(answered) > 20
    assert statuses == [-signal.SIGTERM, -signal.SIGTERM]  # after what uvicorn had to finish
    assert "".join(said).endswith("retry: 500\n\n")


def _restart(front: Front, port: int) -> Any:
    status = front.stop(port)
    front.launch(port)
    front.await_start(port)
    return status
