"""`/metrics`: who may read it, and what it says."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import redis
from celery.signals import before_task_publish
from prometheus_client import generate_latest
from pytest_django.fixtures import Settings

from controlplane.metrics import queue
from controlplane.metrics.endpoint import Metrics
from controlplane.metrics.instruments import MAX_OUTCOMES, Instruments
from mcp_runtime.gateway.app import Figures
from mcp_runtime.sandbox.client import RunnerClient

TOKEN = "a-token-for-a-scraper"


class Idle:
    """A gateway in which little happens."""

    figures = Figures(calls=2, streams=3, plans=4, plan_loads=5)


def line(**record: Any) -> bytes:
    return json.dumps({"request_id": "req_1", **record}).encode() + b"\n"


def shown(instruments: Instruments) -> str:
    return generate_latest(instruments.registry).decode()


async def scrape(client: str, *headers: tuple[bytes, bytes], metrics: Metrics | None = None) -> tuple[int, str]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "path": "/metrics", "client": (client, 1), "headers": list(headers)}
    gateway: Any = Idle()
    await (metrics or Metrics()).answer(scope, send, gateway, RunnerClient(_nowhere()))
    return said[0]["status"], said[1]["body"].decode()


def _nowhere() -> Any:
    from django.conf import settings

    return settings.STOA_HOME / "run" / "no-runner.sock"


@pytest.mark.parametrize("client", ["203.0.113.9", "10.0.0.1", "unix", ""])
async def test_who_is_not_listed_finds_nothing(client: str) -> None:
    status, body = await scrape(client)

    assert (status, body) == (404, "Not found.\n")


@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
async def test_this_host_may_read_it(client: str, redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url

    status, body = await scrape(client)

    assert status == 200
    assert "stoa_calls_in_flight 2.0" in body
    assert "stoa_streams 3.0" in body
    assert "stoa_plan_loads_total 5.0" in body
    assert "stoa_redis_up 1.0" in body
    assert "stoa_sandbox_up 0.0" in body


async def test_the_token_opens_it_from_anywhere(settings: Settings) -> None:
    settings.STOA_METRICS_TOKEN = TOKEN
    settings.STOA_METRICS_NETWORKS = []

    right = await scrape("203.0.113.9", (b"authorization", f"Bearer {TOKEN}".encode()))
    wrong = await scrape("203.0.113.9", (b"authorization", b"Bearer another"))
    none = await scrape("127.0.0.1")

    assert [right[0], wrong[0], none[0]] == [200, 404, 404]


async def test_without_a_token_an_empty_one_opens_nothing(settings: Settings) -> None:
    status, _ = await scrape("203.0.113.9", (b"authorization", b"Bearer "))

    assert status == 404


def test_requests_and_calls_are_counted_by_kind() -> None:
    instruments = Instruments()

    instruments.keep(line(method="tools/call", connector="python", ms=30) + line(method="tools/list", ms=1))

    text = shown(instruments)
    assert 'stoa_requests_total{method="tools/call",outcome="ok"} 1.0' in text
    assert 'stoa_calls_total{connector="python",outcome="ok"} 1.0' in text
    assert 'stoa_call_seconds_bucket{connector="python",le="0.05"} 1.0' in text


def test_what_clients_make_up_makes_no_labels() -> None:
    instruments = Instruments()

    for number in range(MAX_OUTCOMES + 20):
        instruments.keep(line(method=f"made/up{number}", outcome=f"code_{number}"))

    text = shown(instruments)
    assert "made/up" not in text
    assert text.count("stoa_requests_total{") == MAX_OUTCOMES + 1


def test_no_tenant_and_no_name_is_shown() -> None:
    instruments = Instruments()

    instruments.keep(
        line(tenant="acme", tenant_id="ten_1", endpoint="payroll", subject="usr_1", name="fire", method="GET")
    )

    text = shown(instruments)
    assert [word for word in ("acme", "ten_1", "payroll", "usr_1", "fire") if word in text] == []


async def test_the_queue_says_how_long_its_oldest_message_waits(redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url
    settings.CELERY_TASK_DEFAULT_QUEUE = "metrics-test"
    key = "stoa:celery:metrics-test"
    client = redis.Redis.from_url(redis_url)
    client.delete(key)
    for age in (90, 30):
        client.lpush(key, json.dumps({"headers": {queue.SENT_AT: time.time() - age}}))
    try:
        waiting = await queue.look()
    finally:
        client.delete(key)
        client.close()

    assert waiting.length == 2
    assert 89 < waiting.age < 120


def test_messages_are_stamped_when_they_are_sent() -> None:
    headers: dict[str, Any] = {}

    before_task_publish.send(sender="calls.forget", headers=headers, body=None)

    assert abs(time.time() - headers[queue.SENT_AT]) < 5
