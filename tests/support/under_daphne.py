"""A pytest plugin: the gateway's tests run under Daphne, which serves `manage.py runserver`, in uvicorn's place.

    python -m pytest -p tests.support.under_daphne -o asyncio_default_fixture_loop_scope=session \\
        -o asyncio_default_test_loop_scope=session tests/mcp_runtime/gateway

Twisted has one reactor in a process, on one event loop: all tests share theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.mcp_runtime.gateway import serving

WHILE_A_BODY_COMES = (
    "test_admission.py::test_an_announced_10_mb_are_refused_before_they_come",
    "test_admission.py::test_an_endless_body_is_answered_while_it_comes",
    "test_admission.py::test_a_body_that_does_not_come_is_waited_for_so_long",
    "test_admission.py::test_a_client_that_hangs_up_in_its_body_is_noted",
)
"""What cannot be had: Daphne calls the application when a body is complete."""


def pytest_configure(config: pytest.Config) -> None:
    for name in ("asyncio_default_fixture_loop_scope", "asyncio_default_test_loop_scope"):
        if config.getini(name) != "session":
            raise pytest.UsageError(f"Daphne's tests share an event loop: add -o {name}=session.")
    serving.chosen = daphne_server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.nodeid.endswith(WHILE_A_BODY_COMES)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@contextlib.asynccontextmanager
async def daphne_server(application: Any) -> AsyncIterator[int]:
    reactor = _reactor()
    from daphne.server import Server

    ready = asyncio.Event()

    class InThisLoop(Server):
        def listen_success(self, port: Any) -> None:
            self.port = port
            ready.set()

    server = InThisLoop(application, ["tcp:port=0:interface=127.0.0.1"], signal_handlers=False)
    server.run()
    await ready.wait()
    try:
        yield server.port.getHost().port
    finally:
        await server.port.stopListening().asFuture(asyncio.get_running_loop())
        for protocol, details in list(server.connections.items()):
            protocol.transport.abortConnection()
            if (instance := details.get("application_instance")) is not None:
                instance.cancel()
        for call in reactor.getDelayedCalls():
            call.cancel()


def _reactor() -> Any:
    """Twisted's, on the running event loop, and as if it had been started."""
    from twisted.internet import asyncioreactor

    if "twisted.internet.reactor" not in sys.modules:
        asyncioreactor.install(asyncio.get_running_loop())
    from twisted.internet import reactor as installed

    reactor: Any = installed
    if not reactor.running:
        reactor.startRunning(installSignalHandlers=False)
        reactor.run = lambda **_: None
    return reactor
