"""What goes wrong in storage.

StorageError
├── InvalidEntry     a value that is no JSON object, or a time to live that is no positive number; also a ValueError
├── EntryTooLarge    over the limit that a wrapper or store sets
└── CannotDecrypt    the value was sealed by another key, for another place, or was changed
"""

from __future__ import annotations

from mcp_runtime.framework.errors import FrameworkError

__all__ = ("CannotDecrypt", "EntryTooLarge", "InvalidEntry", "StorageError")


class StorageError(FrameworkError):
    """The base of them all."""


class InvalidEntry(StorageError, ValueError):
    pass


class EntryTooLarge(StorageError):
    pass


class CannotDecrypt(StorageError):
    pass
