"""Keys and revocations in memory: brought up to date, and failing closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from mcp_runtime.authorization.credentials import KeysAndTokens
from mcp_runtime.authorization.principals import Principals
from mcp_runtime.authorization.trusted import POLL_SECONDS, STALE_SECONDS, TrustedIssuers
from mcp_runtime.ports.memory import MemoryCredentials
from mcp_runtime.ports.trust import MemoryTrust, Revocation
from mcp_runtime.transports.refusals import Refusal
from tests.mcp_runtime.authorization.tokens import KEY, OTHER, claims, signers, token
from tests.support import wait_until_async


class Hand:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def trust() -> MemoryTrust:
    return MemoryTrust(acme=signers())


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def trusted(trust: MemoryTrust, hand: Hand) -> TrustedIssuers:
    return TrustedIssuers(trust, now=hand)


@contextlib.asynccontextmanager
async def followed(trusted: TrustedIssuers) -> AsyncIterator[list[str]]:
    """Somebody reads the revocations, as a gateway does."""
    heard: list[str] = []

    async def read() -> None:
        async for subject in trusted.revocations():
            heard.insert(len(heard), subject)

    task = asyncio.create_task(read())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_token_is_verified_without_asking_each_time(trusted: TrustedIssuers, trust: MemoryTrust) -> None:
    assert await trusted.authenticate(token(), tenant="acme")
    asked = trust.asked

    for _ in range(10):
        assert await trusted.authenticate(token(), tenant="acme")

    assert trust.asked == asked


async def test_a_token_is_good_at_its_own_tenant_only(trust: MemoryTrust, hand: Hand) -> None:
    trust.known["globex"] = signers(k1=OTHER)
    trusted = TrustedIssuers(trust, now=hand)

    assert await trusted.authenticate(token(), tenant="globex") is None
    assert await trusted.authenticate(token(), tenant="nowhere") is None


@pytest.mark.protocol("A-07")
async def test_an_announced_revocation_ends_its_tokens_at_once(trusted: TrustedIssuers, trust: MemoryTrust) -> None:
    async with followed(trusted) as heard:
        assert await trusted.authenticate(token(), tenant="acme")
        await wait_until_async(lambda: trust._listeners)
        trust.announce(Revocation("grt_1", "usr_ben"))
        await wait_until_async(lambda: heard)

        assert heard == ["usr_ben"]
        assert await trusted.authenticate(token(), tenant="acme") is None
        assert await trusted.authenticate(token(claims(grant="grt_2")), tenant="acme")


@pytest.mark.protocol("A-07")
async def test_an_unannounced_one_is_found_by_asking(trusted: TrustedIssuers, trust: MemoryTrust, hand: Hand) -> None:
    assert await trusted.authenticate(token(), tenant="acme")

    trust.revoke(Revocation("grt_1", "usr_ben"), announced=False)
    hand.at += STALE_SECONDS

    assert await trusted.authenticate(token(), tenant="acme") is None


async def test_it_is_asked_for_more_often_than_a_revocation_may_take() -> None:
    assert POLL_SECONDS * 2 < STALE_SECONDS <= 5


async def test_who_cannot_ask_refuses(trusted: TrustedIssuers, trust: MemoryTrust, hand: Hand) -> None:
    assert await trusted.authenticate(token(), tenant="acme")

    trust.failing = True
    hand.at += STALE_SECONDS
    with pytest.raises(Refusal) as refused:
        await trusted.authenticate(token(), tenant="acme")

    assert (refused.value.status, refused.value.code) == (503, "revocations_unknown")
    trust.failing = False
    assert await trusted.authenticate(token(), tenant="acme")


async def test_a_suspended_tenants_tokens_end(trusted: TrustedIssuers, trust: MemoryTrust, hand: Hand) -> None:
    assert await trusted.authenticate(token(), tenant="acme")

    del trust.known["acme"]
    hand.at += STALE_SECONDS

    assert await trusted.authenticate(token(), tenant="acme") is None


async def test_a_new_key_counts_from_its_first_token_on(
    trusted: TrustedIssuers, trust: MemoryTrust, hand: Hand
) -> None:
    assert await trusted.authenticate(token(), tenant="acme")

    trust.known["acme"] = signers(k1=KEY, k2=OTHER)

    assert await trusted.authenticate(token(key=OTHER, kid="k2"), tenant="acme")
    assert await trusted.authenticate(token(), tenant="acme")


async def test_a_key_that_is_gone_counts_no_longer(trusted: TrustedIssuers, trust: MemoryTrust, hand: Hand) -> None:
    assert await trusted.authenticate(token(), tenant="acme")

    trust.known["acme"] = signers(k2=OTHER)
    hand.at += STALE_SECONDS

    assert await trusted.authenticate(token(), tenant="acme") is None


async def test_made_up_keys_do_not_make_it_ask_for_each(trusted: TrustedIssuers, trust: MemoryTrust) -> None:
    assert await trusted.authenticate(token(), tenant="acme")
    asked = trust.asked

    for number in range(50):
        assert await trusted.authenticate(token(kid=f"k{number + 2}"), tenant="acme") is None

    assert trust.asked == asked + 1


async def test_both_kinds_of_credential_pass_one_door(trust: MemoryTrust) -> None:
    keys = MemoryCredentials()
    trusted = TrustedIssuers(trust)
    by_token = await trusted.authenticate(token(), tenant="acme")
    assert by_token is not None
    keys.grant("stoa_key", by_token, tenant="acme")
    principals = Principals(KeysAndTokens(keys, trusted))
    await principals.start()

    try:
        assert await principals.authenticate("stoa_key", "acme") == by_token
        assert await principals.authenticate(token(), "acme") == by_token
        assert await principals.authenticate("a.b.c", "acme") is None
        held = token()
        assert await principals.authenticate(held, "acme")
        await wait_until_async(lambda: trust._listeners)
        trust.revoke(Revocation("grt_1", "usr_ben"))
        await wait_until_async(lambda: principals.known(held, "acme") is None)
        assert await principals.authenticate(held, "acme") is None
    finally:
        await principals.aclose()
