"""One contract for every store and wrapper (FASTMCP B-01 to B-10)."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from mcp_runtime.framework.storage import (
    DiskStore,
    DynamoDBStore,
    ElasticsearchStore,
    FernetEncryptionWrapper,
    FileTreeStore,
    KeyValue,
    MemoryStore,
    MongoDBStore,
    PrefixCollectionsWrapper,
    PrefixKeysWrapper,
    RedisStore,
    SingleCollectionWrapper,
    TTLWrapper,
)
from mcp_runtime.framework.storage.errors import InvalidEntry
from tests.mcp_runtime.framework.storage import services

NASTY = [
    *string.punctuation,
    "..",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "NUL",
    "caf\u00e9",
    "x" * 500,
    "a\nb",
    "A",
    "a",
]


@pytest.fixture(
    params=[
        pytest.param("memory", marks=pytest.mark.fastmcp("B-01")),
        pytest.param("disk", marks=pytest.mark.fastmcp("B-02", status="safer")),
        pytest.param("filetree", marks=pytest.mark.fastmcp("B-02", status="later")),
        pytest.param(
            "redis", marks=[pytest.mark.fastmcp("B-03"), pytest.mark.filterwarnings("ignore:Call to deprecated")]
        ),
        pytest.param("dynamodb", marks=pytest.mark.fastmcp("B-04")),
        pytest.param("mongodb", marks=pytest.mark.fastmcp("B-05")),
        pytest.param("elasticsearch", marks=pytest.mark.fastmcp("B-06")),
        pytest.param("encrypted", marks=pytest.mark.fastmcp("B-08")),
        pytest.param("ttl", marks=pytest.mark.fastmcp("B-10", status="document")),
        "prefixed",
        "single",
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyValue]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(await a_store(request, tmp_path, opened))
        yield made


async def a_store(request: pytest.FixtureRequest, tmp_path: Path, opened: AsyncExitStack) -> Any:
    made: Any
    match cast(str, request.param):
        case "disk":
            made = DiskStore(directory=tmp_path / "new" / "folder")
        case "filetree":
            made = FileTreeStore(data_directory=tmp_path)
        case "redis":
            client = Redis.from_url(request.getfixturevalue("redis_url"), decode_responses=True)
            opened.push_async_callback(client.aclose)
            made = RedisStore(client=client, default_collection=tmp_path.name)
        case "dynamodb":
            address = await opened.enter_async_context(services.dynamodb())
            keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "eu-central-1"}
            made = DynamoDBStore(table_name="tokens", endpoint_url=address, **keys)
        case "mongodb":
            made = MongoDBStore(url=await opened.enter_async_context(services.mongodb()), db_name="tokens")
        case "elasticsearch":
            address = await opened.enter_async_context(services.elasticsearch())
            made = ElasticsearchStore(url=address, index_prefix="tokens")
        case "encrypted":
            made = FernetEncryptionWrapper(key_value=MemoryStore(), fernet=Fernet(Fernet.generate_key()))
        case "ttl":
            made = TTLWrapper(key_value=MemoryStore(), default_ttl=3600)
        case "prefixed":
            made = PrefixKeysWrapper(PrefixCollectionsWrapper(MemoryStore(), "tenant"), "server")
        case "single":
            made = SingleCollectionWrapper(MemoryStore(), "all")
        case _:
            made = MemoryStore()
    return made


async def test_what_was_put_is_there_until_it_is_deleted(store: KeyValue) -> None:
    await store.put("key", {"text": "h\u00e9", "list": [1, 2.5, None, {"a": True}]})

    assert await store.get("key") == {"text": "h\u00e9", "list": [1, 2.5, None, {"a": True}]}
    assert await store.delete("key") is True
    assert await store.get("key") is None
    assert await store.delete("key") is False


async def test_collections_are_apart(store: KeyValue) -> None:
    await store.put("key", {"in": "one"}, collection="one")
    await store.put("key", {"in": "two"}, collection="two")

    assert await store.get("key", collection="one") == {"in": "one"}
    assert await store.get("key", collection="two") == {"in": "two"}
    assert await store.get("key", collection="three") is None


async def test_any_text_is_a_key(store: KeyValue) -> None:
    for index, key in enumerate(NASTY):
        await store.put(key, {"index": index}, collection="nasty ../")

    for index, key in enumerate(NASTY):
        assert await store.get(key, collection="nasty ../") == {"index": index}


async def test_an_entry_knows_how_long_it_has_left(store: KeyValue) -> None:
    await store.put("key", {"a": 1}, ttl=100)

    value, left = await store.ttl("key")

    assert value == {"a": 1}
    assert left is not None
    assert 90 < left <= 100
    assert await store.ttl("absent") == (None, None)


async def test_putting_again_replaces_value_and_time(store: KeyValue) -> None:
    await store.put("key", {"a": 1}, ttl=10)
    await store.put("key", {"a": 2}, ttl=1000)

    value, left = await store.ttl("key")

    assert value == {"a": 2}
    assert left is not None
    assert left > 900


async def test_many_at_once_keep_their_order(store: KeyValue) -> None:
    await store.put_many(["a", "b"], [{"is": "a"}, {"is": "b"}], ttl=60)

    assert await store.get_many(["b", "absent", "a"]) == [{"is": "b"}, None, {"is": "a"}]
    assert [value for value, _ in await store.ttl_many(["a", "absent"])] == [{"is": "a"}, None]
    assert await store.delete_many(["a", "absent", "b"]) == 2


@pytest.mark.parametrize("value", [{"a": object()}, {"a": float("nan")}, ["a"], {"a": b"bytes"}])
async def test_what_is_no_json_object_is_refused_and_nothing_is_stored(store: KeyValue, value: Any) -> None:
    with pytest.raises(InvalidEntry):
        await store.put("key", value)

    assert await store.get("key") is None


@pytest.mark.parametrize("ttl", [0, -1, float("inf"), float("nan"), "soon", True])
async def test_a_time_to_live_that_is_none_is_refused(store: KeyValue, ttl: Any) -> None:
    with pytest.raises(InvalidEntry, match="positive number of seconds"):
        await store.put("key", {"a": 1}, ttl=ttl)


async def test_what_was_read_can_be_changed_without_changing_the_store(store: KeyValue) -> None:
    await store.put("key", {"list": [1]})
    first = await store.get("key")
    assert first is not None

    first["list"].append(2)

    assert await store.get("key") == {"list": [1]}
