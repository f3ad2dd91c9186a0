"""Where an answer may be sent: https, or a port of the user's own machine; byte for byte what was registered.

RFC 8252 section 7.3 lets native programs take another loopback port each time, and nothing else (PROTOCOL O-02).
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

MAX_LENGTH = 2048


class InvalidRedirectError(ValueError):
    """The address cannot be a redirect URI; the message says why."""


def check(uri: object) -> str:
    """The address, when a client may register it. Raises InvalidRedirectError."""
    if not isinstance(uri, str) or not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > MAX_LENGTH:
        raise InvalidRedirectError(f"A redirect URI is a string of at most {MAX_LENGTH} printable ASCII characters.")
    if set(uri) & set('"\\<>^`{|}'):
        raise InvalidRedirectError("A redirect URI has only characters that a URI may have.")
    parts = _split(uri)
    if parts is None or not parts.hostname:
        raise InvalidRedirectError("A redirect URI is absolute, such as https://app.example/callback.")
    if "#" in uri:
        raise InvalidRedirectError("A redirect URI has no fragment.")
    if parts.username is not None or parts.password is not None:
        raise InvalidRedirectError("A redirect URI holds no user name.")
    if "*" in parts.netloc:
        raise InvalidRedirectError("A redirect URI names one host: wildcards are not expanded.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(uri)):
        raise InvalidRedirectError("A redirect URI is https, or http on a loopback address of the user's machine.")
    return uri


def is_registered(uri: str, registered: Collection[str]) -> bool:
    if uri in registered:
        return True
    return is_loopback(uri) and without_port(uri) in {without_port(one) for one in registered if is_loopback(one)}


def is_loopback(uri: str) -> bool:
    parts = _split(uri)
    if parts is None or parts.scheme != "http" or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def without_port(uri: str) -> str:
    """The address under which a consent is remembered: a loopback address loses its port, any other stays."""
    parts = _split(uri)
    if parts is None or not is_loopback(uri):
        return uri
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=host or "").geturl()


def origin(uri: str) -> str:
    """For a page's `form-action`: browsers follow a form's redirects only to origins that it lists."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def host(uri: str) -> str:
    """What people are shown."""
    return urlsplit(uri).netloc


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
