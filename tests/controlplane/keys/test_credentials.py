from __future__ import annotations

import asyncio

import pytest

from controlplane.keys.credentials import DatabaseCredentials
from controlplane.keys.services import NewKey, create_key, revoke_key
from mcp_runtime.ports.credentials import Credentials
from tenants.context import acting_for, run_acting_for
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(cast: Cast) -> NewKey:
    with acting_for(cast.acme.id):
        return create_key("laptop", scopes=["mcp:call"], acting=None)


async def test_the_gateway_gets_the_principal_of_a_key(key: NewKey) -> None:
    credentials: Credentials = DatabaseCredentials()

    principal = await credentials.authenticate(key.token, tenant="acme")
    foreign = await credentials.authenticate(key.token, tenant="globex")

    assert principal is not None
    assert principal.subject == key.key.id
    assert foreign is None


async def test_many_keys_are_checked_at_once(key: NewKey) -> None:
    credentials = DatabaseCredentials()

    answers = await asyncio.gather(*(credentials.authenticate(key.token, tenant="acme") for _ in range(20)))

    assert {answer.subject for answer in answers if answer} == {key.key.id}
    assert None not in answers


async def test_a_revocation_is_announced_after_the_commit(cast: Cast, key: NewKey) -> None:
    revocations = DatabaseCredentials().revocations()

    async with asyncio.timeout(10):
        first = await anext(revocations)
        await run_acting_for(cast.acme.id, revoke_key, key.key.id, acting=None)
        second = await anext(revocations)

    assert (first, second) == ("*", key.key.id)
