"""The stores by py-key-value-aio's names, with and without that package (FASTMCP 1.12)."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from importlib.machinery import PathFinder
from mcp_runtime.framework import aliases
{prepare}
aliases.install({pinned})
from key_value.aio.stores.redis import RedisStore
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper
from key_value.aio.protocols.key_value import AsyncKeyValue
{use}
"""
NOT_INSTALLED = """
real = PathFinder.find_spec
def hide(name, *rest): return None if name.startswith("key_value") else real(name, *rest)
PathFinder.find_spec = hide
"""


def run(use: str, *, prepare: str = "", pinned: str = "") -> None:
    program = PROGRAM.format(use=use, prepare=prepare, pinned=pinned)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@pytest.mark.fastmcp("B-02", "B-03", "B-04", "B-05", "B-06", "B-08", "B-10", status="document")
def test_without_the_package_its_names_are_ours_and_say_what_is_missing_when_used() -> None:
    run(
        """
import asyncio
from key_value.aio.stores.disk import DiskStore
from key_value.aio.stores.dynamodb import DynamoDBStore
from key_value.aio.stores.elasticsearch import ElasticsearchStore
from key_value.aio.stores.mongodb import MongoDBStore
from key_value.aio.wrappers.ttl import TTLWrapper
storage = TTLWrapper(key_value=RedisStore(host="localhost", port=6379), default_ttl=3600)
stores = DynamoDBStore(table_name="t"), MongoDBStore(url="x"), ElasticsearchStore(url="x", index_prefix="y")
for store in (storage, *stores):
    assert type(store).__module__.startswith("mcp_runtime")
    assert isinstance(store, AsyncKeyValue)
    try:
        asyncio.run(store.get("key"))
    except ImportError as error:
        assert "needs the package py-key-value-aio[" in str(error), error
    else:
        raise AssertionError(store)
try:
    import key_value.aio.stores.rocksdb
except ModuleNotFoundError as error:
    assert "pin py-key-value-aio" in str(error)
""",
        prepare=NOT_INSTALLED,
    )


@pytest.mark.fastmcp("B-02", "B-10", status="safer")
def test_beside_the_package_only_what_it_lacks_and_the_safe_disk_are_ours() -> None:
    run(
        """
from key_value.aio.stores.disk import DiskStore
from key_value.aio.wrappers.ttl import TTLWrapper
assert MemoryStore.__module__.startswith("key_value")
assert DiskStore.__module__ == "mcp_runtime.framework.storage.disk"
TTLWrapper(key_value=MemoryStore(), default_ttl=3600)
"""
    )


def test_a_server_that_pins_the_package_gets_it_untouched() -> None:
    run("assert 'key_value.aio.wrappers.ttl' not in sys.modules", pinned="{'py-key-value-aio'}")
