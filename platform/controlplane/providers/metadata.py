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


class Kept(Generic[T]):
    """Values by address, for a while. A failure is kept as well, shortly: nobody makes us hammer a host."""

    def __init__(self, load: Callable[[str], T], *, size: int = 500, now: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._size = size
        self._now = now
        self._values: OrderedDict[str, tuple[float, T | FetchError]] = OrderedDict()
        self._lock = Lock()

    def get(self, url: str, *, newer_than: float = KEEP_SECONDS) -> T:
        """Raises FetchError."""
        with self._lock:
            found = self._values.get(url)
        if found is not None:
            at, value = found
            age = self._now() - at
            if isinstance(value, FetchError):
                if age < AGAIN_SECONDS:
                    raise value
            elif age < newer_than:
                return value
        return self._renew(url)

    def forget(self, url: str) -> None:
        with self._lock:
            self._values.pop(url, None)

    def _renew(self, url: str) -> T:
        try:
            value = self._load(url)
        except FetchError as error:
            self._put(url, error)
            raise
        self._put(url, value)
        return value

    def _put(self, url: str, value: T | FetchError) -> None:
        with self._lock:
            self._values[url] = (self._now(), value)
            self._values.move_to_end(url)
            while len(self._values) > self._size:
                self._values.popitem(last=False)


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
    for kept in (_documents, _keys):
        kept._values.clear()


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
