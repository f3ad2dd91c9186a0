"""Where a remote server is, and how it is let in: the document in `Revision.source`."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from controlplane.registry.errors import InvalidSource

CREDENTIAL = "UPSTREAM_CREDENTIAL"
"""The secret of a remote server that is its credential."""
MAX_URL = 2_048
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SCHEME = re.compile(r"[A-Za-z0-9._-]{0,40}")
_OURS = frozenset(
    {"host", "content-length", "content-type", "accept", "accept-encoding", "connection", "transfer-encoding", "cookie"}
)

TransportName: TypeAlias = Literal["auto", "streamable-http", "sse"]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    url: str
    transport: TransportName = "auto"
    header: str | None = None
    """The header with the credential; None when there is none."""
    scheme: str = ""
    """What stands before the credential, such as `Bearer`."""
    era: str = ""
    """The protocol version that it spoke when it was probed."""


def read_source(document: object) -> Source:
    """Of a revision."""
    return msgspec.convert(document, Source)


def checked(source: Source) -> Source:
    """Raises InvalidSource. Whether the address may be reached is judged when it is."""
    try:
        parts = urlsplit(source.url)
        port = parts.port
    except ValueError:
        raise InvalidSource(f"'{source.url[:200]}' is no address.") from None
    well_formed = source.url.isascii() and source.url.isprintable() and " " not in source.url
    if not well_formed or len(source.url) > MAX_URL or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSource(f"'{source.url[:200]}' is no address of an MCP server.")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise InvalidSource("The address has a user name, a fragment or port 0, which mean nothing here.")
    if source.header is not None and (
        not _HEADER.fullmatch(source.header)
        or source.header.lower() in _OURS
        or source.header.lower().startswith(("mcp-", "sec-", "proxy-"))
    ):
        raise InvalidSource(f"'{source.header[:100]}' cannot be the header of a credential.")
    if not _SCHEME.fullmatch(source.scheme):
        raise InvalidSource(f"'{source.scheme[:50]}' cannot stand before a credential.")
    return source
