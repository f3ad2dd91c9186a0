"""The live tail of calls, and the command palette: what goes on in a page after it was loaded."""

from __future__ import annotations

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.test import Client
from django.utils import timezone

from controlplane.calls.models import Call
from controlplane.dashboard import tail
from controlplane.dashboard.consumers import NOT_FOUND
from controlplane.registry.models import Revision
from tenants.context import acting_for, run_acting_for
from tenants.models import Membership
from tests.controlplane.dashboard.test_live_log import connect
from tests.support.cast import Cast


def write(count: int, **fields: Any) -> int:
    """The number of the last one."""
    given = {
        "endpoint": "weather",
        "subject": "usr_1",
        "method": "tools/call",
        "status": 200,
        "outcome": "ok",
        "ms": 1.0,
    }
    rows = [Call(at=timezone.now(), **{**given, "name": f"tool{number}", **fields}) for number in range(count)]
    return max(call.id for call in Call.objects.bulk_create(rows))


async def opened(cast: Cast, query: str = "") -> WebsocketCommunicator:
    socket = connect(cast.ben, f"/live/acme/calls{query}")
    await socket.connect()
    return socket


@pytest.mark.django_db(transaction=True)
async def test_calls_arrive_each_once_behind_those_of_the_page(cast: Cast) -> None:
    last = await run_acting_for(cast.acme.id, write, 2, name="before")
    socket = await opened(cast, f"?after={last}")

    await run_acting_for(cast.acme.id, write, 1, name="<b>first</b>")
    first = await socket.receive_json_from(timeout=10)
    await run_acting_for(cast.acme.id, write, 1, name="second")
    second = await socket.receive_json_from(timeout=10)

    assert [call["name"] for call in first["calls"] + second["calls"]] == ["<b>first</b>", "second"]
    await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_the_page_s_filters_hold(cast: Cast) -> None:
    socket = await opened(cast, "?outcome=failed&name=ours")

    await run_acting_for(cast.acme.id, write, 1, name="ours")
    await run_acting_for(cast.acme.id, write, 1, name="theirs", outcome="tool_error")
    await run_acting_for(cast.acme.id, write, 1, name="ours", outcome="tool_error")
    news = await socket.receive_json_from(timeout=10)

    assert [(call["name"], call["outcome"]) for call in news["calls"]] == [("ours", "tool_error")]
    await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_what_comes_too_fast_is_left_out_and_counted(cast: Cast) -> None:
    await run_acting_for(cast.acme.id, write, tail.MOST + 30)
    socket = await opened(cast)

    news = await socket.receive_json_from(timeout=10)

    assert (len(news["calls"]), news["left_out"]) == (tail.MOST, 30)
    assert news["calls"][-1]["name"] == f"tool{tail.MOST + 29}"
    await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_who_loses_the_right_to_look_sees_no_more(cast: Cast) -> None:
    socket = await opened(cast)

    await run_acting_for(cast.acme.id, lambda: Membership.objects.filter(user=cast.ben).delete())
    closing = await socket.receive_output(timeout=10)

    assert (closing["type"], closing["code"]) == ("websocket.close", NOT_FOUND)


@pytest.mark.django_db(transaction=True)
async def test_an_outsider_is_told_that_there_are_no_calls(cast: Cast) -> None:
    socket = connect(cast.cem, "/live/acme/calls")
    await socket.connect()

    closing = await socket.receive_output(timeout=10)

    assert (closing["type"], closing["code"]) == ("websocket.close", NOT_FOUND)


def test_a_first_page_is_live_and_an_older_one_is_not(ben: Client, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        last = write(1)

    live = ben.get("/tenants/acme/calls/").content.decode()
    older = ben.get("/tenants/acme/calls/", {"before": str(last)}).content.decode()

    assert f'data-live="/live/acme/calls" data-after="{last}"' in live
    assert "data-live" not in older


def test_the_palette_offers_pages_servers_and_endpoints_by_name(ben: Client, revision: Revision) -> None:
    pages = ben.get("/tenants/acme/palette/", {"q": "KEYS"}).json()["found"]
    things = ben.get("/tenants/acme/palette/", {"q": "eath"}).json()["found"]

    assert {one["label"] for one in pages} == {"API keys", "Your keys"}
    assert {(one["kind"], one["url"]) for one in things} == {
        ("server", "/tenants/acme/servers/weather/"),
        ("endpoint", "/tenants/acme/endpoints/weather/"),
    }


def test_the_palette_offers_nothing_that_one_may_not_open(ben: Client, cast: Cast) -> None:
    offered = [one["url"] for one in ben.get("/tenants/acme/palette/").json()["found"]]

    assert {ben.get(url).status_code for url in offered} == {200}
    assert "/tenants/acme/settings/security/" not in offered
