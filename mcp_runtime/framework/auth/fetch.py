"""How providers ask identity providers: bounded in time and size, no redirects, a clear error when nobody answers.

Two kinds of addresses. Those an author configured are reached wherever they are: an identity provider may well stand in
a private network. Those that came from outside (`public_only`) are resolved first, refused unless every address is
public, and reached at exactly the address that was judged, so that a second look at the name changes nothing
(PROTOCOL U-06).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.errors import ProviderUnavailable
from mcp_runtime.framework.errors import MissingPackage

if TYPE_CHECKING:
    import httpx2

__all__ = ("Answer", "Fetcher")

_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The object in the body. Raises ProviderUnavailable."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ProviderUnavailable(f"{_place(self.url)} answered {self.status} without JSON.") from error
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{_place(self.url)} answered something other than a JSON object.")
        return found


class Fetcher:
    """Fetches by `http_client` (an `httpx2.AsyncClient` that its owner closes) or by a client of its own."""

    def __init__(
        self,
        http_client: httpx2.AsyncClient | None = None,
        *,
        seconds: float | None = None,
        public_only: bool = False,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._client = http_client
        self._seconds = seconds or 10.0
        self._public_only = public_only
        self._most_bytes = most_bytes

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises ProviderUnavailable when there is no answer, or one that says the fault is over there."""
        return await self._fetch("GET", url, headers)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Answer:
        """A form, with `basic` as client_secret_basic. Raises ProviderUnavailable."""
        return await self._fetch("POST", url, headers, form=form, basic=basic)

    async def document(self, url: str) -> dict[str, Any]:
        """A JSON object that must be there. Raises ProviderUnavailable."""
        answer = await self.get(url)
        if not answer.ok:
            raise ProviderUnavailable(f"{_place(url)} answered {answer.status}.")
        return answer.json()

    async def _fetch(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        form: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Answer:
        try:
            import httpx2
        except ImportError as error:
            raise MissingPackage("httpx2", "Asking an identity provider") from error
        sent = {"accept": "application/json", **(headers or {})}
        if basic is not None:
            sent["authorization"] = _basic(*basic)
        try:
            target, extensions = await self._judged(url, sent)
            client = self._client or httpx2.AsyncClient(trust_env=not self._public_only)
            try:
                async with client.stream(
                    method,
                    target,
                    headers=sent,
                    data=form,
                    timeout=self._seconds,
                    follow_redirects=False,
                    extensions=extensions,
                ) as answer:
                    body = bytearray()
                    async for chunk in answer.aiter_bytes():
                        body += chunk
                        if len(body) > self._most_bytes:
                            raise ProviderUnavailable(f"{_place(url)} answered more than {self._most_bytes} bytes.")
            finally:
                if client is not self._client:
                    await client.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ProviderUnavailable(f"{_place(url)} does not answer: {type(error).__name__}.") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ProviderUnavailable(f"{_place(url)} answered {answer.status_code}.")
        return Answer(url, answer.status_code, answer.headers, bytes(body))

    async def _judged(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, Any]]:
        """What to connect to; for addresses from outside, the pinned form of it."""
        if not self._public_only or self._client is not None:
            return url, {}
        import asyncio

        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise ProviderUnavailable(f"{_place(url)} is not a plain https address.")
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 443)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(is_public(address) for address in addresses):
            raise ProviderUnavailable(f"{_place(url)} is not on the public Internet.")
        pinned = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        headers["host"] = parts.netloc
        target = parts._replace(netloc=f"{pinned}:{parts.port or 443}").geturl()
        return target, {"sni_hostname": parts.hostname}


def is_public(address: str) -> bool:
    """Whether an address is anybody's on the Internet; the IPv6 forms that carry an IPv4 address are refused."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed not in _GLOBAL_IPV6 or any(parsed in network for network in _TRANSITION):
            return False
        if (int(parsed) >> 32) & 0xFFFF_FFFF in (0x0000_5EFE, 0x0200_5EFE):  # ISATAP, RFC 5214
            return False
    return parsed.is_global and not parsed.is_multicast and address != "168.63.129.16"  # a cloud's metadata service


def _basic(user: str, password: str) -> str:
    """RFC 6749 section 2.3.1: both are form-encoded before they are joined."""
    from base64 import b64encode
    from urllib.parse import quote_plus

    return "Basic " + b64encode(f"{quote_plus(user)}:{quote_plus(password)}".encode()).decode()


def _place(url: str) -> str:
    """An address without its query, where secrets may stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


_GLOBAL_IPV6 = IPv6Network("2000::/3")
_TRANSITION = (IPv6Network("2001::/23"), IPv6Network("2002::/16"))
