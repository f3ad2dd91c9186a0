"""Requests are kept: by their tenant, in batches, for as long as was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from controlplane.calls import services
from controlplane.calls.models import Call
from controlplane.calls.writing import MAX_WAITING_BYTES, CallWriter
from mcp_runtime.gateway.records import CallRecord
from tenants.context import acting_for
from tenants.principal import Principal
from tests.support import wait_until
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def writer(cast: Cast) -> Iterator[CallWriter]:
    writer = CallWriter()
    writer.start()
    yield writer
    writer.close()


def lines(*records: CallRecord) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def record(cast: Cast, request: str = "req_1", **changes: Any) -> CallRecord:
    facts: dict[str, Any] = {
        "at": round(time.time(), 3),
        "tenant_id": cast.acme.id,
        "tenant": "acme",
        "endpoint": "weather",
        "subject": "key_1",
        "protocol": "2025-11-25",
        "method": "tools/call",
        "name": "get_forecast",
        "status": 200,
        "ms": 12.5,
    }
    return CallRecord(request, **{**facts, **changes})


def kept(cast: Cast) -> list[Call]:
    with acting_for(cast.acme.id):
        return list(Call.objects.all())


def write(*records: CallRecord) -> None:
    writer = CallWriter()
    writer.start()
    writer.put(lines(*records))
    writer.close()


def test_a_call_is_a_row_within_seconds(cast: Cast, writer: CallWriter) -> None:
    writer.put(lines(record(cast))[:-2] + b',"credential":"server"}\n')

    wait_until(lambda: kept(cast), 10)

    (call,) = kept(cast)
    assert (call.endpoint, call.subject, call.method, call.name) == ("weather", "key_1", "tools/call", "get_forecast")
    assert (call.status, call.outcome, call.ms, call.protocol) == (200, "ok", 12.5, "2025-11-25")
    assert call.credential == "server"


def test_what_waits_is_written_when_the_process_ends(cast: Cast) -> None:
    write(record(cast, "req_1"), record(cast, "req_2"))

    assert [call.request_id for call in kept(cast)] == ["req_2", "req_1"]


def test_each_tenant_sees_its_own_calls(cast: Cast) -> None:
    write(record(cast), record(cast, "req_theirs", tenant_id=cast.globex.id, tenant="globex"))

    assert [call.request_id for call in kept(cast)] == ["req_1"]


def test_a_request_by_nobody_is_kept_for_nobody(cast: Cast) -> None:
    write(record(cast, tenant_id="", subject=""))

    assert kept(cast) == []


def test_names_that_postgresql_has_no_room_for_are_kept_as_far_as_they_go(cast: Cast) -> None:
    write(record(cast, name="a\x00b" + "c" * 5_000))

    assert kept(cast)[0].name == ("a\ufffdb" + "c" * 5_000)[:2_048]


def test_one_tenant_s_failure_costs_the_others_nothing(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    write(record(cast, "req_bad", tenant_id="ten_" + "0" * 26), record(cast))

    assert [call.request_id for call in kept(cast)] == ["req_1"]
    assert "1 calls could not be written" in caplog.text


def test_what_the_database_cannot_take_in_time_is_counted_and_dropped(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    writer = CallWriter()
    one = lines(record(cast))
    for _ in range(MAX_WAITING_BYTES // len(one) // 100 + 2):
        writer.put(one * 100)

    writer.start()
    writer.close()

    assert "are in the log only" in caplog.text


def test_old_calls_are_forgotten_and_young_ones_kept(cast: Cast, settings: Any) -> None:
    settings.STOA_CALLS_KEEP_DAYS = 2
    old = (timezone.now() - timedelta(days=2, seconds=5)).timestamp()
    write(record(cast, "req_old", at=old), record(cast, "req_young"))

    assert services.forget() == 1

    assert [call.request_id for call in kept(cast)] == ["req_young"]


def test_the_last_hour_is_counted_by_the_minute(cast: Cast, ada: Principal) -> None:
    two_hours_ago = time.time() - 7_200
    write(
        record(cast, "req_1", ms=10),
        record(cast, "req_2", ms=20, outcome="tool_error"),
        record(cast, "req_3", at=two_hours_ago),
        record(cast, "req_4", tenant_id=cast.globex.id),
    )

    with acting_for(cast.acme.id):
        hour = services.overview(acting=ada)

    assert (hour.calls, hour.failed, len(hour.minutes)) == (2, 1, 60)
    assert hour.p50 == 15
    assert hour.p95 == pytest.approx(19.5)
    assert sum(minute.calls for minute in hour.minutes[-2:]) == 2


def test_an_hour_without_calls_has_no_times(cast: Cast, ada: Principal) -> None:
    with acting_for(cast.acme.id):
        hour = services.overview(acting=ada)

    assert (hour.calls, hour.p50, hour.p95) == (0, None, None)


@pytest.fixture
def ben(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ben)
    return client


def test_the_api_finds_calls_and_goes_on_behind_the_last(ben: Client, cast: Cast) -> None:
    write(*(record(cast, f"req_{number}") for number in range(5)), record(cast, "req_failed", outcome="timeout"))

    first = ben.get("/api/v1/tenants/acme/calls?limit=2").json()
    second = ben.get(f"/api/v1/tenants/acme/calls?limit=2&before={first[-1]['id']}").json()
    failed = ben.get("/api/v1/tenants/acme/calls?outcome=failed").json()
    hour = ben.get("/api/v1/tenants/acme/calls/overview").json()

    assert [call["request_id"] for call in first + second] == ["req_failed", "req_4", "req_3", "req_2"]
    assert [call["request_id"] for call in failed] == ["req_failed"]
    assert (hour["calls"], hour["failed"]) == (6, 1)


@pytest.mark.parametrize("query", ["limit=0", "limit=9999", "before=x", "before=99999999999999999999"])
def test_a_query_that_makes_no_sense_is_refused(ben: Client, cast: Cast, query: str) -> None:
    assert ben.get(f"/api/v1/tenants/acme/calls?{query}").status_code == 422


def test_the_pages_show_calls_and_find_them(ben: Client, cast: Cast) -> None:
    write(record(cast, "req_good"), record(cast, "req_failed", outcome="timeout", name="<b>bold</b>"))

    overview = ben.get("/tenants/acme/overview/").content.decode()
    found = ben.get("/tenants/acme/calls/?outcome=failed").content.decode()

    assert "req_good" in overview
    assert 'aria-label="Calls a minute over the last hour: 2 in all, 1 failed"' in overview
    assert "req_failed" in found
    assert "req_good" not in found
    assert "<b>bold" not in found


def test_older_calls_are_a_page_away(ben: Client, cast: Cast) -> None:
    write(*(record(cast, f"req_{number:03}") for number in range(60)))

    first = ben.get("/tenants/acme/calls/?endpoint=weather").content.decode()
    query = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = ben.get(f"/tenants/acme/calls/{query}").content.decode()

    assert "req_010" in first
    assert "req_009" in second
    assert "req_010" not in second


@pytest.mark.parametrize("page", ["overview/", "calls/"])
def test_an_outsider_sees_no_calls(cast: Cast, client: Client, page: str) -> None:
    client.force_login(cast.cem)

    assert client.get(f"/tenants/acme/{page}").status_code == 404


def test_a_sample_leaves_out_no_failure(cast: Cast, settings: Settings) -> None:
    settings.STOA_CALLS_SAMPLE_PERCENT = 0

    write(record(cast, "req_1"), record(cast, "req_2", outcome="tool_error"), record(cast, "req_3", outcome="too_many"))

    assert {call.request_id for call in kept(cast)} == {"req_2", "req_3"}


def test_a_sample_takes_about_as_many_as_asked(cast: Cast, settings: Settings) -> None:
    settings.STOA_CALLS_SAMPLE_PERCENT = 25

    write(*(record(cast, f"req_{number}") for number in range(400)))

    assert 60 < len(kept(cast)) < 140
