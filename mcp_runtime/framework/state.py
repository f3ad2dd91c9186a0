"""State that outlives a request: by session, by user, by a handle of its own (FASTMCP C-10, 2.2).

    await ctx.set_state("cart", [1])        the session's, where the connection has one, else the user's
    async def tool(session: UserSession)    what belongs to the authenticated user, whatever the connection
    handle = await create_session()         a session of its own, whose handle the client gives back as an argument:
    async def tool(session_id: SessionId)   session = await get_session(session_id)

Values are kept in the server's `session_state_store` where it has one: anything with the `get`, `put` and `delete` of
py-key-value. Else a platform keeps them, JSON of 64 kB a session, so that they outlive the process; and a server that
runs by itself has them in the process, bounded in number and age. Every key is bound to the principal, so that a
session's id or handle in other hands opens nothing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from weakref import WeakKeyDictionary

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.exchange import session_of as name_of_session
from mcp_runtime.framework.functions.injection import Dependency, Scope

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.server import FastMCP

__all__ = (
    "Checkpoints",
    "InvalidSession",
    "Session",
    "SessionAuthError",
    "SessionId",
    "SessionStates",
    "UserSession",
    "checkpoints_of",
    "create_session",
    "end_session",
    "get_session",
    "session_of",
)

_COLLECTION = "session-state"
_MARKER = "__created__"


class SessionAuthError(ToolError):
    """A user's state was asked for, and nobody is authenticated."""


class InvalidSession(ToolError):
    """The handle names no session of this caller."""


class StateStore(Protocol):
    """Where state is kept: the part of py-key-value's interface that is used."""

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None: ...

    async def put(
        self, key: str, value: dict[str, Any], *, collection: str | None = None, ttl: float | None = None
    ) -> None: ...

    async def delete(self, key: str, *, collection: str | None = None) -> bool: ...


class SessionStates:
    """A StateStore in this process. The session unused for longest goes first; each goes an hour after its last use."""

    def __init__(self, *, most: int = 10_000, seconds: float = 3600.0) -> None:
        self._most = most
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        found = self._kept.pop(key, None)
        if found is None or found[0] < time.monotonic():
            return None
        self._kept[key] = (time.monotonic() + self._seconds, found[1])
        return found[1]

    async def put(
        self, key: str, value: dict[str, Any], *, collection: str | None = None, ttl: float | None = None
    ) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (time.monotonic() + (self._seconds if ttl is None else ttl), value)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        return self._kept.pop(key, None) is not None


class Session:
    """Values by name, kept between requests."""

    def __init__(self, store: StateStore, key: str, handle: str | None = None) -> None:
        self._store = store
        self._key = key
        self.id = handle
        """The handle, for a session that has one."""

    async def get(self, key: str, default: Any = None) -> Any:
        return (await self._read()).get(key, default)

    async def set(self, key: str, value: Any) -> None:
        """Raises ToolError when the session holds too much."""
        values = await self._read()
        values[key] = value
        if len(values) > _MOST_VALUES:
            raise ToolError(f"A session holds {_MOST_VALUES} values at most: delete some, or keep them elsewhere.")
        await self._store.put(self._key, values, collection=_COLLECTION, ttl=_SECONDS)

    async def delete(self, key: str) -> None:
        values = await self._read()
        if values.pop(key, None) is not None:
            await self._store.put(self._key, values, collection=_COLLECTION, ttl=_SECONDS)

    async def clear(self) -> None:
        """Forget the values; a handle stays valid."""
        await self._store.put(
            self._key, {_MARKER: True} if self.id is not None else {}, collection=_COLLECTION, ttl=_SECONDS
        )

    async def end(self) -> None:
        """Forget the values and the handle."""
        await self._store.delete(self._key, collection=_COLLECTION)

    async def _read(self) -> dict[str, Any]:
        return dict(await self._store.get(self._key, collection=_COLLECTION) or {})


_MOST_VALUES = 1_000
_SECONDS = 24 * 3600.0


def session_of(context: Context) -> Session | None:
    """The state of the request's session; without one, of its user; None where there is neither."""
    caller = context.exchange.caller
    session = name_of_session(context.exchange)
    if session is not None:
        return _session(context, "session", caller.subject, session)
    if caller.subject:
        return _session(context, "user-requests", caller.subject)
    return None


class Checkpoints:
    """How far one task has come. Kept where sessions' state is, so that it outlives the process that ran the task."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def put(self, state: Any) -> None:
        """Raises ToolError for what is no JSON, or takes too much room."""
        import msgspec

        try:
            plain = msgspec.json.decode(msgspec.json.encode(state))
        except (TypeError, msgspec.MsgspecError) as error:
            raise ToolError(f"A checkpoint is JSON: {error}. Keep numbers, texts, lists and dictionaries.") from error
        await self._session.set("checkpoint", plain)

    async def last(self, default: Any) -> Any:
        return await self._session.get("checkpoint", default)


def checkpoints_of(context: Context) -> Checkpoints | None:
    """Those of the task that this request is run as; None where it is none."""
    caller = context.exchange.caller
    return None if caller.task is None else Checkpoints(_session(context, "task", caller.subject, caller.task))


class _UserSession(Dependency):
    async def resolve(self, scope: Scope, parameter: str) -> Session:
        context = scope.context
        if context is None:
            raise RuntimeError("No active context found.")
        subject = context.exchange.caller.subject
        if not subject:
            raise SessionAuthError(
                f"The parameter {parameter!r} holds the state of an authenticated user, and nobody is authenticated."
            )
        return _session(context, "user", subject)


UserSession = Annotated[Session, _UserSession()]
"""The type of a parameter that receives the authenticated user's state. Raises SessionAuthError without a user."""


class _Handle:
    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {**handler(schema), "description": "The handle of a session, as the tool that created it gave it."}


SessionId = Annotated[str, _Handle()]
"""The type of a parameter that takes a session's handle from the client; look it up with `get_session`."""


async def create_session() -> str:
    """Begin a session of the caller's own. Returns its handle, for a tool to hand out."""
    handle = os.urandom(24).hex()
    context = _current()
    await _by_handle(context, handle).clear()
    return handle


async def get_session(session_id: str) -> Session:
    """The caller's session with this handle. Raises InvalidSession."""
    context = _current()
    session = _by_handle(context, session_id)
    if not await session.get(_MARKER):
        raise InvalidSession("There is no such session: it has ended, or it is not yours. Create one first.")
    return session


async def end_session(session_id: str) -> None:
    """End the caller's session with this handle; nothing happens if there is none."""
    await _by_handle(_current(), session_id).end()


def _current() -> Context:
    from mcp_runtime.framework.context import current_context

    context = current_context()
    if context is None:
        raise RuntimeError("No active context found.")
    return context


def _by_handle(context: Context, handle: str) -> Session:
    return _session(context, "handle", context.exchange.caller.subject, handle=handle)


def _session(context: Context, *parts: str, handle: str | None = None) -> Session:
    if handle is not None:
        parts = (*parts, handle)
    server = context.fastmcp
    given: StateStore | None = server.session_state_store
    if given is not None:
        return Session(given, _key(*parts), handle)
    host: StateStore | None = getattr(context.exchange, "state_store", None)
    if host is not None:  # one for all that is mounted here; a name made up at the start is no name
        return Session(host, _key(*parts, server.given_name or ""), handle)
    return Session(_stores.setdefault(server, SessionStates()), _key(*parts), handle)


def _key(*parts: str) -> str:
    """A key that no other parts give, and that tells nothing of them."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


_stores: WeakKeyDictionary[FastMCP, SessionStates] = WeakKeyDictionary()
