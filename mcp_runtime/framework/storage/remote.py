"""RedisStore, DynamoDBStore, MongoDBStore and ElasticsearchStore, through py-key-value-aio (FASTMCP B-03 to B-06).

Constructing one connects to nothing and needs nothing installed. At the first use the package is imported; where it is
missing, the error names it with the extra that brings the driver.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, SupportsFloat

from mcp_runtime.framework.errors import MissingPackage
from mcp_runtime.framework.storage.base import KeyValue, Store, Value, checked_ttl, encoded

__all__ = ("DynamoDBStore", "ElasticsearchStore", "MongoDBStore", "RedisStore")


class RemoteStore(Store):
    """A store of the package, made when it is first needed."""

    extra: ClassVar[str]
    options: ClassVar[frozenset[str]]
    required: ClassVar[tuple[frozenset[str], ...]] = ()
    strategies: ClassVar[dict[str, str]] = {}
    """Options that say how names become the service's, and the classes that make any text one."""

    def __init__(self, **options: Any) -> None:
        for name in options.keys() - self.options:
            raise TypeError(f"{type(self).__name__} takes no {name}=; it takes {', '.join(sorted(self.options))}.")
        for any_of in self.required:
            if not any_of & options.keys():
                raise TypeError(f"{type(self).__name__} needs {' or '.join(f'{name}=' for name in sorted(any_of))}.")
        self._given = options
        self._store: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[Value | None, float | None]:
        value, left = await self._made().ttl(key, collection=collection)
        return value, left

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        encoded(value)
        await self._made().put(key, dict(value), collection=collection, ttl=checked_ttl(ttl))

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        return await self._made().delete(key, collection=collection)

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[Value | None]:
        return await self._made().get_many(list(keys), collection=collection)

    def _made(self) -> KeyValue:
        """A driver's connections belong to the loop they were made in; another loop gets its own."""
        loop = asyncio.get_running_loop()
        if self._store is None or self._loop is not loop:
            self._store, self._loop = self._make(), loop
        found: KeyValue = self._store
        return found

    def _make(self) -> Any:
        made = self._class()
        module = import_module(f"key_value.aio.stores.{self.extra}.store")
        named = {option: getattr(module, name)() for option, name in self.strategies.items()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A configured store is unstable")  # it says so of most of its stores
            return made(**{**named, **self._given})

    def _class(self) -> Any:
        name = type(self).__name__
        package = f"py-key-value-aio[{self.extra}]"
        try:
            found = getattr(import_module(f"key_value.aio.stores.{self.extra}"), name)
        except ImportError as error:
            raise MissingPackage(package, name) from error
        if issubclass(found, RemoteStore):  # the import name leads back here: the real package is not installed
            raise MissingPackage(package, name)
        return found


class RedisStore(RemoteStore):
    """`RedisStore(host=…, port=6379)`, `RedisStore(url="redis://…")`, or a client of redis-py."""

    extra = "redis"
    options = frozenset(
        {"client", "url", "host", "port", "db", "username", "password", "default_collection"}
        | {"ssl", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs"}
    )


class DynamoDBStore(RemoteStore):
    """`DynamoDBStore(table_name=…, region_name=…)`."""

    extra = "dynamodb"
    required = (frozenset({"table_name"}),)
    options = frozenset(
        {"client", "table_name", "region_name", "endpoint_url", "default_collection", "table_config", "auto_create"}
        | {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    )


class MongoDBStore(RemoteStore):
    """`MongoDBStore(url="mongodb://…", db_name=…)`."""

    extra = "mongodb"
    strategies: ClassVar[dict[str, str]] = {
        "collection_sanitization_strategy": "MongoDBV1CollectionSanitizationStrategy",
    }
    required = (frozenset({"client", "url"}),)
    options = frozenset(
        {"client", "url", "db_name", "coll_name", "default_collection", "auto_create"}
        | {"collection_sanitization_strategy"}
    )


class ElasticsearchStore(RemoteStore):
    """`ElasticsearchStore(url="https://…", index_prefix="…")`."""

    extra = "elasticsearch"
    strategies: ClassVar[dict[str, str]] = {
        "key_sanitization_strategy": "ElasticsearchV1KeySanitizationStrategy",
        "collection_sanitization_strategy": "ElasticsearchV1CollectionSanitizationStrategy",
    }
    required = (frozenset({"elasticsearch_client", "url"}), frozenset({"index_prefix"}))
    options = frozenset(
        {"elasticsearch_client", "url", "api_key", "index_prefix", "default_collection", "auto_create"}
        | {"key_sanitization_strategy", "collection_sanitization_strategy"}
    )
