"""py-key-value-aio's names for our stores, for `aliases.py` (FASTMCP 1.12).

Where the real package is installed, it is used: our remote stores stand on it, and its own combine with ours. Only
`OURS` still resolve here: what it never had, and its store that unpickles what it finds on disk (CVE-2025-69872).
"""

from __future__ import annotations

__all__ = ("MODULES", "OURS")

_HOME = "mcp_runtime.framework.storage"


def _at(home: str, *names: str) -> dict[str, str]:
    return {name: f"{_HOME}.{home}:{name}" for name in names}


_WRAPPERS = {
    "limit_size": "LimitSizeWrapper",
    "prefix_collections": "PrefixCollectionsWrapper",
    "prefix_keys": "PrefixKeysWrapper",
    "read_only": "ReadOnlyWrapper",
    "single_collection": "SingleCollectionWrapper",
    "ttl": "TTLWrapper",
    "ttl_clamp": "TTLClampWrapper",
}

MODULES: dict[str, dict[str, str] | str] = {
    "key_value": {},
    "key_value.aio": {},
    "key_value.aio.protocols": {"AsyncKeyValue": f"{_HOME}.base:KeyValue"},
    "key_value.aio.protocols.key_value": {"AsyncKeyValue": f"{_HOME}.base:KeyValue"},
    "key_value.aio.stores": {},
    "key_value.aio.stores.disk": _at("disk", "DiskStore"),
    "key_value.aio.stores.dynamodb": _at("remote", "DynamoDBStore"),
    "key_value.aio.stores.elasticsearch": _at("remote", "ElasticsearchStore"),
    "key_value.aio.stores.filetree": _at("disk", "FileTreeStore"),
    "key_value.aio.stores.memory": _at("memory", "MemoryStore"),
    "key_value.aio.stores.mongodb": _at("remote", "MongoDBStore"),
    "key_value.aio.stores.redis": _at("remote", "RedisStore"),
    "key_value.aio.wrappers": {},
    "key_value.aio.wrappers.encryption": _at("encryption", "FernetEncryptionWrapper"),
    **{f"key_value.aio.wrappers.{module}": _at("wrappers", name) for module, name in _WRAPPERS.items()},
}

OURS = frozenset({"key_value.aio.stores.disk", "key_value.aio.wrappers.ttl"})
