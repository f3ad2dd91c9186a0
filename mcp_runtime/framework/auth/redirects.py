"""Where a client may have people sent back to: what is safe at all, what was registered, what the author allows.

`allowed_client_redirect_uris` holds exact addresses and patterns: `http://localhost:*`, `https://*.example.com/callback`,
`https://claude.ai/api/mcp/auth_callback`, `cursor://*`. A `*` stands for a port, for one or more labels at the front of
a host, or for any rest of a path; never for more than the part it stands in. Without a list, only addresses on the
person's own machine are allowed (RFC 8252 section 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

from mcp_runtime.framework.auth.errors import WrongSetting

__all__ = ("RedirectPolicy", "is_safe", "same_redirect")

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DANGEROUS = frozenset(
    {
        "javascript",
        "data",
        "vbscript",
        "file",
        "about",
        "blob",
        "filesystem",
        "view-source",
        "ws",
        "wss",
        "ftp",
        "mailto",
    }
)
_MOST_CHARACTERS = 2000
_NOT_IN_A_URI = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\<>\"^`{|}]")


class RedirectPolicy:
    """What an author allows: None = this machine only, `any_https` besides, or exactly the patterns of a list."""

    def __init__(self, allowed: Iterable[object] | None, *, any_https: bool = False) -> None:
        if isinstance(allowed, str):
            raise WrongSetting("allowed_client_redirect_uris is a list of patterns, not one text.")
        self._patterns = None if allowed is None else [_Pattern(str(each)) for each in allowed]
        self._any_https = any_https

    def allows(self, uri: str) -> bool:
        parts = _split(uri)
        if parts is None or not is_safe(uri):
            return False
        if self._patterns is not None:
            return any(pattern.matches(parts) for pattern in self._patterns)
        return _is_loopback(parts) or (self._any_https and parts.scheme == "https")


class _Pattern:
    def __init__(self, text: str) -> None:
        scheme, separator, rest = text.partition("://")
        if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme) or scheme.lower() in _DANGEROUS:
            raise WrongSetting(
                f"{text!r} is no pattern for redirects; write one like https://*.example.com/callback or http://localhost:*."
            )
        authority, slash, path = rest.partition("/")
        found = re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^:@\[\]]*)(?::(\*|\d+))?", authority)
        if found is None or not re.fullmatch(r"\*|\*\.[^*]+|[^*]*", found[1]):
            raise WrongSetting(
                f"{text!r} is no pattern for redirects: in a host, * stands at the front, as in *.example.com."
            )
        self._scheme = scheme.lower()
        self._host = found[1].strip("[]").lower()
        self._port = found[2]
        self._path = re.compile(
            "".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", slash + path))
        )
        self._any_path = not slash

    def matches(self, parts: SplitResult) -> bool:
        if parts.scheme != self._scheme or not self._host_matches(parts.hostname or ""):
            return False
        if not self._port_matches(parts):
            return False
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._any_path or self._path.fullmatch(target) is not None

    def _host_matches(self, host: str) -> bool:
        if self._host == "*":
            return True
        if self._host.startswith("*."):
            return host.endswith(self._host[1:]) and len(host) > len(self._host) - 1
        return host == self._host

    def _port_matches(self, parts: SplitResult) -> bool:
        if self._port == "*" or (self._port is None and parts.hostname in _LOOPBACK):
            return True
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.port or standard) == (standard if self._port is None else int(self._port))


def is_safe(uri: str) -> bool:
    """Whether a browser may be sent there at all: no scripts, no fragment, no user, no tricks with dots."""
    parts = _split(uri)
    if parts is None or not parts.scheme or parts.scheme in _DANGEROUS or "#" in uri:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    if parts.scheme in ("http", "https"):
        if not parts.hostname or (parts.scheme == "http" and not _is_loopback(parts)):
            return False
    elif not uri.startswith(f"{uri.partition(':')[0]}:/"):
        return False
    return not any(segment in (".", "..") for segment in unquote(parts.path).split("/"))


def same_redirect(registered: str, given: str) -> bool:
    """Letter by letter; on the person's own machine the port may differ (RFC 8252 section 7.3)."""
    if registered == given:
        return True
    one, other = _split(registered), _split(given)
    if one is None or other is None or not (_is_loopback(one) and _is_loopback(other)):
        return False
    return (one.hostname, one.path, one.query, other.fragment) == (other.hostname, other.path, other.query, "")


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _split(uri: str) -> SplitResult | None:
    if len(uri) > _MOST_CHARACTERS or _NOT_IN_A_URI.search(uri):
        return None
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return None
    return parts
