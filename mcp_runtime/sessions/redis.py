"""Sessions in Redis: any gateway process answers for any of them (ARCHITECTURE 6.3).

Everything expires by itself after the idle time. Topics go over one channel that every process subscribes to: what
is told is rare (an answer to a question, a cancellation, a changed list), and a subscription per call would not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import redis
import redis.asyncio

from mcp_runtime.ports.sessions import (
    IDLE_SECONDS,
    MAX_EVENTS,
    MAX_SUBSCRIPTIONS,
    Event,
    Listener,
    Session,
    SessionCaps,
    SessionLimit,
    SessionsUnavailable,
)
from mcp_runtime.ports.state import MAX_STATES, STATE_SECONDS
from mcp_runtime.sessions.topics import Topics

CHANNEL = "stoa:sessions"
SHARERS = "stoa:counts"
"""Which processes share what they count. What they do has a key of its own each, which is its lease."""
QUIET_SECONDS = 5.0
"""After so long without a message the listener asks for a sign of life, and gives up after three of these."""
COUNT_SECONDS = 60.0
"""How often a session that is used is counted as alive."""
MAX_COUNTED = 50_000
PATIENCE_SECONDS = 2.0
LONGEST_PAUSE = 5.0

log = logging.getLogger("stoa.sessions")


class RedisSessions:
    """`Sessions` over one Redis. `start` it on the event loop that uses it."""

    def __init__(self, url: str, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._url = url
        self._idle_ms = int(idle_seconds * 1000)
        self._topics = Topics()
        self._client: Any = None
        self._counted: dict[str, float] = {}
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def start(self) -> None:
        if self._listener is None:
            self._client = redis.asyncio.Redis.from_url(
                self._url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
            )
            self._listener = asyncio.create_task(self._listen(), name="sessions: hear topics")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._listening.wait()

    async def aclose(self) -> None:
        task, self._listener = self._listener, None
        while task is not None and not task.done():
            # Once is not enough: redis-py may lose a cancellation in asyncio.wait_for (python/cpython#86296).
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def open(self, session: Session, caps: SessionCaps) -> None:
        now = int(time.time() * 1000)
        tenant, owner = _counters(session)
        async with self._pipeline() as pipe:
            for counter in (tenant, owner):
                pipe.zremrangebyscore(counter, "-inf", now)
                pipe.zcard(counter)
            _, of_tenant, _, of_owner = await pipe.execute()
        # Two that open at the same moment may both fit where one would: a cap is a bound on waste, not a ledger.
        if of_tenant >= caps.per_tenant:
            raise SessionLimit("sessions_per_tenant", caps.per_tenant)
        if of_owner >= caps.per_principal:
            raise SessionLimit("sessions_per_principal", caps.per_principal)
        async with self._pipeline() as pipe:
            pipe.set(_key(session.id), _encode(session), px=self._idle_ms)
            for counter in (tenant, owner):
                pipe.zadd(counter, {session.id: now + self._idle_ms})
                pipe.pexpire(counter, self._idle_ms)
            await pipe.execute()

    async def find(self, session_id: str) -> Session | None:
        with _reached():
            data = await self._redis.getex(_key(session_id), px=self._idle_ms)
        if data is None:
            return None
        session = _decode(data)
        now = time.monotonic()
        if self._counted.get(session_id, 0.0) + COUNT_SECONDS < now:
            if len(self._counted) >= MAX_COUNTED:
                self._counted.clear()
            self._counted[session_id] = now
            await self._keep_counted(session)
        return session

    async def _keep_counted(self, session: Session) -> None:
        """What stands beside a session lives a little longer than it, so that this is not done at each use."""
        lives = self._idle_ms + 2 * int(COUNT_SECONDS * 1000)
        async with self._pipeline() as pipe:
            for counter in _counters(session):
                pipe.zadd(counter, {session.id: int(time.time() * 1000) + lives}, xx=True)
                pipe.pexpire(counter, lives)
            pipe.pexpire(_watched(session.id), lives)
            await pipe.execute()

    async def save(self, session: Session) -> None:
        with _reached():
            await self._redis.set(_key(session.id), _encode(session), px=self._idle_ms, xx=True)

    async def end(self, session_id: str) -> None:
        with _reached():
            data = await self._redis.getdel(_key(session_id))
        if data is None:
            return
        async with self._pipeline() as pipe:
            for counter in _counters(_decode(data)):
                pipe.zrem(counter, session_id)
            pipe.delete(_watched(session_id))
            await pipe.execute()

    async def watch(self, session_id: str, uri: str) -> bool:
        async with self._pipeline() as pipe:
            pipe.sismember(_watched(session_id), uri)
            pipe.scard(_watched(session_id))
            known, watched = await pipe.execute()
        if not known and watched >= MAX_SUBSCRIPTIONS:
            return False
        async with self._pipeline() as pipe:
            pipe.sadd(_watched(session_id), uri)
            pipe.pexpire(_watched(session_id), self._idle_ms + 2 * int(COUNT_SECONDS * 1000))
            await pipe.execute()
        return True

    async def unwatch(self, session_id: str, uri: str) -> None:
        with _reached():
            await self._redis.srem(_watched(session_id), uri)

    async def watches(self, session_id: str, uri: str) -> bool:
        with _reached():
            return bool(await self._redis.sismember(_watched(session_id), uri))

    async def append(self, session_id: str, stream: str, message: bytes, *, place: str | None = None) -> str:
        key = _log(session_id, stream)
        async with self._pipeline() as pipe:
            pipe.xadd(key, {"m": message}, id=place or "*", maxlen=MAX_EVENTS, approximate=False)
            pipe.pexpire(key, self._idle_ms)
            added, _ = await pipe.execute()
        return str(added, "ascii")

    async def events(self, session_id: str, stream: str, after: str) -> Sequence[Event]:
        with _reached():
            found = await self._redis.xrange(_log(session_id, stream), f"({after}", "+")
        return [(str(place, "ascii"), fields[b"m"]) for place, fields in found]

    async def last(self, session_id: str, stream: str) -> str:
        with _reached():
            found = await self._redis.xrevrange(_log(session_id, stream), count=1)
        return str(found[0][0], "ascii") if found else "0-0"

    async def redeem(self, ticket: str, seconds: float) -> bool:
        with _reached():
            return bool(await self._redis.set(f"stoa:redeemed:{ticket}", b"", px=int(seconds * 1000), nx=True))

    async def keep(self, area: str, key: str, value: bytes) -> None:
        now, lives = time.time(), int(STATE_SECONDS * 1000)
        async with self._pipeline() as pipe:
            pipe.set(_state(area, key), value, px=lives)
            pipe.zadd(_states(area), {key: now})
            pipe.zremrangebyscore(_states(area), "-inf", now - STATE_SECONDS)
            pipe.zcard(_states(area))
            pipe.pexpire(_states(area), lives)
            _, _, _, count, _ = await pipe.execute()
        if count > MAX_STATES:
            with _reached():
                oldest = await self._redis.zpopmin(_states(area), count - MAX_STATES)
                await self._redis.delete(*(_state(area, str(name, "utf-8")) for name, _ in oldest))

    async def kept(self, area: str, key: str) -> bytes | None:
        with _reached():
            found: bytes | None = await self._redis.get(_state(area, key))
        return found

    async def drop(self, area: str, key: str) -> bool:
        async with self._pipeline() as pipe:
            pipe.delete(_state(area, key))
            pipe.zrem(_states(area), key)
            deleted, _ = await pipe.execute()
        return bool(deleted)

    async def share(self, whose: str, counts: bytes, seconds: float) -> Sequence[bytes]:
        async with self._pipeline() as pipe:
            if counts:
                pipe.set(_shared(whose), counts, px=int(seconds * 1000))
                pipe.sadd(SHARERS, whose)
            else:
                pipe.delete(_shared(whose))
                pipe.srem(SHARERS, whose)
            pipe.smembers(SHARERS)
            *_, sharers = await pipe.execute()
        others = [name for name in (str(sharer, "ascii") for sharer in sharers) if name != whose]
        if not others:
            return ()
        with _reached():
            found = await self._redis.mget([_shared(name) for name in others])
            # Their leases tell, and no clock. One that is back between the two of these comes again with its next word.
            silent = [name for name, kept in zip(others, found, strict=True) if kept is None]
            if silent:
                await self._redis.srem(SHARERS, *silent)
        return [kept for kept in found if kept is not None]

    async def tell(self, topic: str, message: bytes) -> None:
        with _reached():
            await self._redis.publish(CHANNEL, topic.encode() + b"\n" + message)

    def hear(self, topic: str, listener: Listener) -> Callable[[], None]:
        return self._topics.hear(topic, listener)

    @property
    def _redis(self) -> Any:
        if self._client is None:
            raise SessionsUnavailable("The sessions were not started.")
        return self._client

    @contextlib.asynccontextmanager
    async def _pipeline(self) -> AsyncIterator[Any]:
        with _reached():
            async with self._redis.pipeline(transaction=True) as pipe:
                yield pipe

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            client: Any = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=QUIET_SECONDS)
            try:
                async with client, client.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    quiet = 0
                    while quiet < 3:
                        message = await subscription.get_message(timeout=QUIET_SECONDS)
                        _stop_if_cancelled()
                        if message is None:
                            quiet += 1
                            await subscription.ping()
                            continue
                        quiet, pause = 0, 0.1
                        if message["type"] == "subscribe":
                            self._listening.set()
                        elif message["type"] == "message":
                            topic, _, told = message["data"].partition(b"\n")
                            self._topics.tell(topic.decode(), told)
                log.warning("Redis went quiet; connecting again.")
            except (redis.RedisError, OSError) as error:
                log.warning("Lost Redis: %s; connecting again in about %.1f s.", error, pause)
            self._listening.clear()
            # Half to one and a half of it, so that gateways do not all come back at once.
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(pause * 2, LONGEST_PAUSE)


def _stop_if_cancelled() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextlib.contextmanager
def _reached() -> Any:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise SessionsUnavailable(f"Redis cannot be reached: {error}") from error


def _key(session_id: str) -> str:
    return f"stoa:session:{session_id}"


def _watched(session_id: str) -> str:
    return f"stoa:session:{session_id}:watched"


def _log(session_id: str, stream: str) -> str:
    return f"stoa:session:{session_id}:log:{stream}"


def _shared(whose: str) -> str:
    return f"stoa:counts:{whose}"


def _states(area: str) -> str:
    return f"stoa:states:{area}"


def _state(area: str, key: str) -> str:
    return f"stoa:state:{area}:{key}"


def _counters(session: Session) -> tuple[str, str]:
    """Where the live sessions of a tenant, and of one of its callers, are counted."""
    owner = hashlib.sha256(msgspec.json.encode(session.owner)).hexdigest()[:32]
    return f"stoa:sessions:{session.tenant_id}", f"stoa:sessions:{session.tenant_id}:{owner}"


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Session).decode
