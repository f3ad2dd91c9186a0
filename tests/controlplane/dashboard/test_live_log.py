from __future__ import annotations

from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from controlplane.accounts.models import User
from controlplane.dashboard.consumers import NOT_FOUND
from controlplane.dashboard.routing import websocket_urlpatterns
from controlplane.registry import services
from controlplane.registry.buildlog import BuildLog, wake
from controlplane.registry.models import Revision
from tenants.context import run_acting_for
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def connect(user: User, path: str) -> WebsocketCommunicator:
    application: Any = URLRouter(websocket_urlpatterns)
    communicator = WebsocketCommunicator(application, path)
    scope: Any = communicator.scope
    scope["user"] = user
    return communicator


async def submit(cast: Cast) -> Revision:
    return await run_acting_for(
        cast.acme.id, services.submit_revision, "weather", bundle="a" * 64, file_name="s.py", acting=None
    )


async def test_lines_arrive_as_they_are_written_and_then_the_outcome(cast: Cast) -> None:
    revision = await submit(cast)
    socket = connect(cast.ben, f"/live/acme/revisions/{revision.id}/log")
    await socket.connect()

    async with BuildLog(revision.tenant_id, revision.id) as log:
        log.write("first")
        first = await socket.receive_json_from(timeout=10)
        log.write("second")
    second = await socket.receive_json_from(timeout=10)
    await run_acting_for(cast.acme.id, lambda: Revision.objects.update(status="failed"))
    await wake(revision.id)
    end = await socket.receive_json_from(timeout=10)

    assert (first["line"]["text"], second["line"]["text"]) == ("first", "second")
    assert end["end"]["status"] == "failed"
    await socket.disconnect()


async def test_a_page_continues_behind_the_lines_it_has(cast: Cast) -> None:
    revision = await submit(cast)
    async with BuildLog(revision.tenant_id, revision.id) as log:
        log.write("first\nsecond")
    socket = connect(cast.ben, f"/live/acme/revisions/{revision.id}/log?after=1")
    await socket.connect()

    line = await socket.receive_json_from(timeout=10)

    assert line["line"]["text"] == "second"
    await socket.disconnect()


@pytest.mark.parametrize("tenant", ["acme", "globex", "nobody"])
async def test_an_outsider_is_told_that_there_is_nothing(cast: Cast, tenant: str) -> None:
    revision = await submit(cast)
    socket = connect(cast.cem, f"/live/{tenant}/revisions/{revision.id}/log")
    await socket.connect()

    closing = await socket.receive_output(timeout=10)

    assert (closing["type"], closing["code"]) == ("websocket.close", NOT_FOUND)


async def test_an_unknown_address_is_closed(cast: Cast) -> None:
    socket = connect(cast.ben, "/live/nothing")
    await socket.connect()

    closing = await socket.receive_output(timeout=10)

    assert closing["code"] == NOT_FOUND
