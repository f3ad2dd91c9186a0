"""Where caches, tokens and state are kept, behind one small interface (FASTMCP 1.12).

In sandboxes these are importable by py-key-value-aio's names. Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "DiskStore": "disk",
    "DynamoDBStore": "remote",
    "ElasticsearchStore": "remote",
    "FernetEncryptionWrapper": "encryption",
    "FileTreeStore": "disk",
    "KeyValue": "base",
    "LimitSizeWrapper": "wrappers",
    "MemoryStore": "memory",
    "MongoDBStore": "remote",
    "PrefixCollectionsWrapper": "wrappers",
    "PrefixKeysWrapper": "wrappers",
    "ReadOnlyWrapper": "wrappers",
    "RedisStore": "remote",
    "SingleCollectionWrapper": "wrappers",
    "TTLClampWrapper": "wrappers",
    "TTLWrapper": "wrappers",
}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
