"""Who a token belongs to: the cache and what empties it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mcp_runtime.authorization import principals
from mcp_runtime.authorization.principals import Principals
from mcp_runtime.ports.memory import MemoryCredentials
from tenants.principal import Principal
from tests.support import wait_until_async


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class SlowCredentials(MemoryCredentials):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        principal = await super().authenticate(token, tenant=tenant)
        await self.answer.wait()
        return principal


def ada(subject: str = "key_ada") -> Principal:
    return Principal("ten_acme", "stoa:keys", subject, "api_key", subject, frozenset(), frozenset(), "*")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def credentials() -> MemoryCredentials:
    credentials = MemoryCredentials()
    credentials.grant("token", ada(), tenant="acme")
    return credentials


@pytest.fixture
async def known(credentials: MemoryCredentials, clock: Clock) -> AsyncIterator[Principals]:
    known = Principals(credentials, now=clock)
    await known.start()
    await asyncio.sleep(0)
    yield known
    await known.aclose()


async def test_a_token_is_asked_about_once_in_five_seconds(
    known: Principals, credentials: MemoryCredentials, clock: Clock
) -> None:
    for clock.time in (0.0, 1.0, 4.9):
        assert await known.authenticate("token", "acme") == ada()

    clock.time = 5.1
    await known.authenticate("token", "acme")

    assert credentials.asked == 2


async def test_a_token_of_one_tenant_is_nobody_at_another(known: Principals) -> None:
    await known.authenticate("token", "acme")

    assert known.known("token", "globex") is None
    assert await known.authenticate("token", "globex") is None


async def test_tenant_and_token_cannot_be_shifted_into_one_another(
    known: Principals, credentials: MemoryCredentials
) -> None:
    credentials.grant("b", ada(), tenant="a\0")

    await known.authenticate("b", "a\0")

    assert known.known("\0b", "a") is None


async def test_a_revocation_is_heard_at_once(known: Principals, credentials: MemoryCredentials) -> None:
    await known.authenticate("token", "acme")

    credentials.revoke("key_ada")

    await wait_until_async(lambda: known.known("token", "acme") is None, 5)
    assert await known.authenticate("token", "acme") is None


async def test_a_revocation_of_one_leaves_the_others(known: Principals, credentials: MemoryCredentials) -> None:
    credentials.grant("other", ada("key_other"), tenant="acme")
    await known.authenticate("token", "acme")
    await known.authenticate("other", "acme")

    known.forget("key_ada")

    assert known.known("token", "acme") is None
    assert known.known("other", "acme") == ada("key_other")


async def test_a_revocation_of_all_forgets_all(known: Principals) -> None:
    await known.authenticate("token", "acme")

    known.forget("*")

    assert known.known("token", "acme") is None


async def test_many_questions_about_one_token_are_one(clock: Clock) -> None:
    credentials = SlowCredentials()
    credentials.grant("token", ada(), tenant="acme")
    known = Principals(credentials, now=clock)

    asking = [asyncio.create_task(known.authenticate("token", "acme")) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    credentials.answer.set()
    answers = await asyncio.gather(*asking[1:])

    assert answers == [ada()] * 9
    assert credentials.asked == 1


async def test_an_answer_that_a_revocation_overtook_is_asked_again(clock: Clock) -> None:
    credentials = SlowCredentials()
    credentials.grant("token", ada(), tenant="acme")
    known = Principals(credentials, now=clock)
    asking = asyncio.create_task(known.authenticate("token", "acme"))
    await wait_until_async(lambda: credentials.asked == 1, 5)

    credentials.revoke("key_ada")
    known.forget("key_ada")
    credentials.answer.set()

    assert await asking is None
    assert known.known("token", "acme") is None


async def test_refused_tokens_cannot_push_out_known_ones(
    known: Principals, credentials: MemoryCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principals, "MAX_REFUSED", 3)
    await known.authenticate("token", "acme")

    for number in range(10):
        await known.authenticate(f"wrong {number}", "acme")

    assert known.known("token", "acme") == ada()


async def test_the_cache_is_bounded(
    known: Principals, credentials: MemoryCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principals, "MAX_PRINCIPALS", 2)
    for name in ("a", "b", "c"):
        credentials.grant(name, ada(f"key_{name}"), tenant="acme")
        await known.authenticate(name, "acme")

    assert [known.known(name, "acme") is not None for name in ("a", "b", "c")] == [False, True, True]


async def test_a_refusal_is_remembered_for_a_second(
    known: Principals, credentials: MemoryCredentials, clock: Clock
) -> None:
    await known.authenticate("new", "acme")
    credentials.grant("new", ada(), tenant="acme")

    assert await known.authenticate("new", "acme") is None
    clock.time = 1.1
    assert await known.authenticate("new", "acme") == ada()


async def test_a_broken_stream_of_revocations_forgets_all_and_is_followed_again(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaking(MemoryCredentials):
        listened = 0

        def revocations(self) -> AsyncIterator[str]:
            self.listened += 1
            return self._break()

        async def _break(self) -> AsyncIterator[str]:
            yield "key_nobody"
            await broken.wait()
            raise OSError("connection lost")

    monkeypatch.setattr(principals, "RETRY_SECONDS", 0)
    broken = asyncio.Event()
    credentials = Breaking()
    credentials.grant("token", ada(), tenant="acme")
    known = Principals(credentials, now=clock)
    await known.start()
    await known.authenticate("token", "acme")

    broken.set()

    await wait_until_async(lambda: credentials.listened > 1, 5)
    assert known.known("token", "acme") is None
    await known.aclose()
