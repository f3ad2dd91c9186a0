"""What providers publish: their discovery document and their keys, kept for an hour and asked for again sparingly.

Both come over the guarded client and are read strictly. A discovery document speaks for the issuer that it was found
under and for no other (OpenID Connect Discovery section 4.3).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Generic, TypeVar

from controlplane.outbound import FetchError, fetch
from controlplane.providers.errors import SignInRefused
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError

KEEP_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 30.0
"""How often an unknown `kid` may make us ask for the keys again, and a failure for the same document."""
STALE_SECONDS: Final = 24 * 3600.0
MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of a discovery document that counts."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    says_issuer: bool = False
    """Whether its answers carry `iss` (RFC 9207)."""
    auth_methods: tuple[str, ...] = ("client_secret_basic",)


@dataclass(slots=True)
class _Entry(Generic[T]):
    """The last value, and how the last try to renew it went."""

    value: T | None = None
    fetched_at: float = 0.0
    tried_at: float = 0.0
    error: FetchError | None = None


class Kept(Generic[T]):
    """Values by address, for a while, fetched by one thread at a time. Nobody makes us hammer a host: after a failure
    it is left alone for some seconds, and what there was goes on counting for a day."""

    def __init__(self, load: Callable[[str], T], *, size: int = 500, now: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._size = size
        self._now = now
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._lock = Lock()
        self._stripes = [Lock() for _ in range(64)]

    def get(self, url: str, *, newer_than: float = KEEP_SECONDS) -> T:
        """Raises FetchError."""
        entry = self._entry(url)
        if not self._is_fresh(entry, newer_than):
            with self._stripes[hash(url) % len(self._stripes)]:
                entry = self._entry(url)
                if not self._is_fresh(entry, newer_than) and self._now() - entry.tried_at >= AGAIN_SECONDS:
                    self._renew(url, entry)
        if entry.value is not None and self._now() - entry.fetched_at < STALE_SECONDS:
            return entry.value
        raise entry.error or FetchError("The document could not be had.")

    def forget(self, url: str) -> None:
        with self._lock:
            self._entries.pop(url, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _is_fresh(self, entry: _Entry[T], newer_than: float) -> bool:
        return entry.value is not None and self._now() - entry.fetched_at < newer_than

    def _entry(self, url: str) -> _Entry[T]:
        with self._lock:
            entry = self._entries.setdefault(url, _Entry(tried_at=self._now() - AGAIN_SECONDS))
            self._entries.move_to_end(url)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry

    def _renew(self, url: str, entry: _Entry[T]) -> None:
        entry.tried_at = self._now()
        try:
            entry.value = self._load(url)
        except FetchError as error:
            entry.error = error
        else:
            entry.fetched_at = self._now()


def discover(issuer: str, *, expected: str | None = None, afresh: bool = False) -> Metadata:
    """The metadata of an issuer. `expected` is what the document must call it, if that is not where it was found.

    Raises FetchError, SignInRefused.
    """
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    if afresh:
        _documents.forget(url)
    document = _documents.get(url)
    said = document.get("issuer")
    if said != (expected or issuer):
        raise SignInRefused(
            f"The discovery document at {url} calls the issuer {str(said)[:200]!r}, not {(expected or issuer)!r}.",
            "The issuer must be written exactly as the provider writes it, slashes included.",
        )
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        value = document.get(name)
        if not isinstance(value, str) or not value.startswith("https://"):
            raise SignInRefused(f"The discovery document at {url} names no https address as its {name}.")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        said,
        document["authorization_endpoint"],
        document["token_endpoint"],
        document["jwks_uri"],
        document.get("authorization_response_iss_parameter_supported") is True,
        tuple(method for method in methods if isinstance(method, str)) if isinstance(methods, list) else (),
    )


def keys(url: str, *, afresh: bool = False) -> list[Mapping[str, Any]]:
    """The keys of a JWKS document, unread; asked for again at most every `AGAIN_SECONDS`. Raises FetchError."""
    return _keys.get(url, newer_than=AGAIN_SECONDS if afresh else KEEP_SECONDS)


def forget_everything() -> None:
    """For tests: what was kept is another test's."""
    _documents.clear()
    _keys.clear()


def read_object(body: bytes, what: str) -> dict[str, Any]:
    """A JSON object, by the strict reader. Raises FetchError."""
    try:
        found = codec.read(body, max_bytes=MAX_BYTES)
    except ParseError as error:
        raise FetchError(f"{what} is no proper JSON: {error}") from error
    if not isinstance(found, dict):
        raise FetchError(f"{what} is no JSON object.")
    return found


def _load_document(url: str) -> dict[str, Any]:
    return read_object(fetch(url, max_bytes=MAX_BYTES).body, "The discovery document")


def _load_keys(url: str) -> list[Mapping[str, Any]]:
    body = fetch(url, accept="application/jwk-set+json, application/json", max_bytes=MAX_BYTES).body
    found = read_object(body, "The key set").get("keys")
    if not isinstance(found, list):
        raise FetchError("The key set has no list of keys.")
    return [key for key in found[:MAX_KEYS] if isinstance(key, dict)]


_documents: Kept[dict[str, Any]] = Kept(_load_document)
_keys: Kept[list[Mapping[str, Any]]] = Kept(_load_keys)
