"""Block 60: entries that expire."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.contract.cases import case
from tests.contract.document import Stage


@case(60, "B-03", "B-10", status="document")
async def entries_expire_by_themselves(stage: Stage) -> None:
    """The library has no such wrapper. Redis is the tests' own, which listens on a socket instead of a port."""
    names = await stage.run()
    storage = names["storage"]

    async with stage.hosts.standing_in(6379, urlsplit(stage.redis_url).path):
        await storage.put("usual", {"a": 1}, collection="things")
        await storage.put("short", {"a": 2}, collection="things", ttl=60)
        usual, usual_left = await storage.ttl("usual", collection="things")
        short, short_left = await storage.ttl("short", collection="things")
        await storage.delete("usual", collection="things")
        await storage.delete("short", collection="things")
        gone = await storage.get("usual", collection="things")
        await storage.close()

    assert (usual, short, gone) == ({"a": 1}, {"a": 2}, None)
    assert 3500 < usual_left <= 3600
    assert 0 < short_left <= 60
