"""Connections to a proxied server: kept open, one for each caller (FASTMCP 3.7).

Opening one costs the other side a handshake, or a process: so a caller's next request finds the last one's connection.
Callers never share one, as sessions may hold what belongs to somebody. Nothing of the caller's own request, neither
headers nor cookies nor tokens, is handed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any

from mcp_runtime.framework.composition.relaying import Relay
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import ClientError

__all__ = ("Connections", "OwnClients", "PerCaller")

_MOST = 64
_IDLE_SECONDS = 300.0


class Connections:
    """Where a proxy gets the client for a request."""

    per_request = False
    """Whether what is offered may differ from request to request."""

    def client(self, context: Context) -> contextlib.AbstractAsyncContextManager[Any]:
        """A connected client for this request."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what is open."""


class OwnClients(Connections):
    """The author's own: a client that is connected already, or a factory that is asked for each request."""

    def __init__(self, factory: Callable[[], Any], *, per_request: bool = True) -> None:
        self._factory = factory
        self.per_request = per_request

    @contextlib.asynccontextmanager
    async def client(self, context: Context) -> AsyncIterator[Any]:
        client = self._factory()
        if inspect.isawaitable(client):
            client = await client
        async with client:
            yield client


class PerCaller(Connections):
    """Clients of `target`, or copies of the client given, made and kept for each caller."""

    def __init__(self, target: Any, *, options: dict[str, Any] | None = None, most: int = _MOST) -> None:
        """At most `most` that nobody uses are kept."""
        self._target = target
        self._most = most
        self._options = options or {}
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def client(self, context: Context) -> AsyncIterator[Any]:
        held = self._of(_caller(context))
        held.users += 1  # from now on: one that is being opened is not closed as idle
        try:
            await self._close_idle()
            await held.opened()
            with held.relay.serving(context):
                yield held.client
        except (ClientError, ConnectionError, EOFError):
            self._drop(held)  # it may be broken: the next request makes another
            raise
        except BaseException:
            if not held.connected:
                self._drop(held)
            raise
        finally:
            held.users -= 1
            held.used = time.monotonic()
            if held.dropped and not held.users:
                await held.close()

    async def close(self) -> None:
        every = list(self._held.values())
        self._held.clear()
        for held in every:
            await held.close()

    def _of(self, caller: str) -> _Held:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the connections of another loop are dead
            self._loop = loop
            self._held.clear()
        held = self._held.get(caller)
        if held is None:
            held = self._held[caller] = _Held(caller, *self._made())
        self._held.move_to_end(caller)
        return held

    def _made(self) -> tuple[Any, Relay]:
        relay = Relay()
        if hasattr(self._target, "is_connected"):
            client = self._target.new()
            for name, handler in relay.options.items():
                attribute = {"sampling_handler": "sampling", "elicitation_handler": "elicitation", "log_handler": "log"}
                slot = attribute.get(name, name)
                if getattr(client._handlers, slot) is None:
                    setattr(client._handlers, slot, handler)
            return client, relay
        client_class = import_module("mcp_runtime.client").Client
        target = self._target.fresh() if hasattr(self._target, "fresh") else self._target  # a transport is one process
        return client_class(target, **relay.options, **self._options), relay

    async def _close_idle(self) -> None:
        longest_ago = time.monotonic() - _IDLE_SECONDS
        idle = [held for held in self._held.values() if not held.users and held.used < longest_ago]
        unused = [held for held in self._held.values() if not held.users and held not in idle]
        idle += unused[: max(0, len(self._held) - len(idle) - self._most)]
        for held in idle:
            del self._held[held.caller]
            await held.close()

    def _drop(self, held: _Held) -> None:
        held.dropped = True
        if self._held.get(held.caller) is held:
            del self._held[held.caller]


class _Held:
    """One caller's connection."""

    def __init__(self, caller: str, client: Any, relay: Relay) -> None:
        self.caller = caller
        self.client = client
        self.relay = relay
        self.users = 0
        self.used = time.monotonic()
        self.dropped = False
        self._opening: asyncio.Task[Any] | None = None

    @property
    def connected(self) -> bool:
        done = self._opening is not None and self._opening.done() and not self._opening.cancelled()
        return done and self._opening is not None and self._opening.exception() is None

    async def opened(self) -> None:
        """Return when the client is connected. It is opened outside of any request, whose context it would keep."""
        if self._opening is None:
            loop = asyncio.get_running_loop()
            self._opening = loop.create_task(self.client.__aenter__(), context=contextvars.Context())
        await asyncio.shield(self._opening)

    async def close(self) -> None:
        if self.connected:
            await self.client.__aexit__(None, None, None)
        elif self._opening is not None:
            self._opening.cancel()


def _caller(context: Context) -> str:
    """Who calls, and in which session of theirs."""
    from mcp_runtime.framework.dependencies import token_of

    token = token_of(context)
    subject = "" if token is None else f"{token.claims.get('iss') or ''} {token.claims.get('sub') or token.client_id}"
    return f"{subject} {getattr(context.exchange, 'session_id', None) or ''}"
