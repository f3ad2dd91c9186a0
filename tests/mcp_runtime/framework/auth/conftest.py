"""A person in front of a server that logs people in with GitHub."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.mcp_runtime.framework.auth.people import Person, person_at
from tests.mcp_runtime.framework.auth.proxies import Rotating, proxy


@pytest.fixture
async def ada() -> AsyncIterator[Person]:
    idp = Rotating()
    async with person_at(proxy(idp), idp) as person:
        yield person
