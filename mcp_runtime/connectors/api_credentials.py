"""What lets us in at an HTTP API: keys, bearer tokens, passwords and OAuth 2.0 client credentials (RFC 6749, 4.4)."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from mcp_runtime.connectors.outbound import CredentialMissing, CredentialRefused
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.ports.apis import Api, Operation, Scheme

EARLIER_SECONDS = 30.0
"""A token is renewed so long before it expires."""
UNKNOWN_SECONDS = 300.0
"""How long a token is used whose end was not told."""
MAX_TOKEN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """What is added to a request."""

    headers: dict[str, str] = field(default_factory=dict)
    query: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    tokens: tuple[str, ...] = ()
    """The schemes whose tokens were used: they are fetched anew when the API refuses them."""


class Credentials:
    """Of one revision of one API. Holds its opened secrets for as long as it is in use, and no longer."""

    def __init__(
        self,
        api: Api,
        secrets: Mapping[str, str],
        client_for: Callable[[str], httpx2.AsyncClient],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._secrets = secrets
        self._client_for = client_for
        self._now = now
        self._tokens: dict[str, tuple[str, float]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def entry(self, operation: Operation) -> Entry:
        """The first of the operation's ways in that we have all secrets for. Raises ClientError."""
        entry = Entry()
        if not operation.security:
            return entry
        for names in sorted(operation.security, key=lambda names: not names):  # without credentials last of all
            if all(self._has(self._api.schemes.get(name)) for name in names):
                for name in names:
                    await self._add(entry, name, self._api.schemes[name])
                tokens = tuple(name for name in names if self._api.schemes[name].kind == "client_credentials")
                return Entry(entry.headers, entry.query, entry.cookies, tokens)
        wanted = sorted({secret for name in operation.security[0] for secret in self._secrets_of(name)})
        raise CredentialMissing(f"The server has no secret {' and '.join(wanted) or 'that would let it in'}.")

    def refused(self, entry: Entry) -> None:
        """The API did not take it: what can be fetched anew is forgotten."""
        for name in entry.tokens:
            self._tokens.pop(name, None)

    def _has(self, scheme: Scheme | None) -> bool:
        return scheme is not None and all(self._secrets.get(secret) for secret in scheme.secrets)

    def _secrets_of(self, name: str) -> tuple[str, ...]:
        scheme = self._api.schemes.get(name)
        return scheme.secrets if scheme is not None else ()

    async def _add(self, entry: Entry, name: str, scheme: Scheme) -> None:
        value = await self._token(name, scheme) if scheme.kind == "client_credentials" else self._value(scheme)
        if scheme.kind == "basic":
            entry.headers["Authorization"] = f"Basic {base64.b64encode(value.encode()).decode()}"
        elif scheme.kind != "key":
            entry.headers["Authorization"] = f"Bearer {value}"
        elif scheme.place == "header":
            entry.headers[scheme.name] = value
        elif scheme.place == "query":
            entry.query.append(f"{quote(scheme.name, safe='')}={quote(value, safe='')}")
        else:
            entry.cookies.append(f"{quote(scheme.name, safe='')}={quote(value, safe='')}")

    def _value(self, scheme: Scheme) -> str:
        [secret] = scheme.secrets
        value = self._secrets[secret]
        if scheme.kind != "basic" and not (value.isascii() and value.isprintable()):
            # The HTTP library would repeat it in its complaint.
            raise ClientError(f"The secret {secret} has line breaks or other characters that no header can carry.")
        return value

    async def _token(self, name: str, scheme: Scheme) -> str:
        async with self._turns.setdefault(name, asyncio.Lock()):
            token, until = self._tokens.get(name, ("", 0.0))
            if until <= self._now():
                token, seconds = await self._fetched(scheme)
                self._tokens[name] = (token, self._now() + seconds)
            return token

    async def _fetched(self, scheme: Scheme) -> tuple[str, float]:
        """A new token, and how long to use it."""
        identifier, secret = (self._secrets[name] for name in scheme.secrets)
        basic = base64.b64encode(f"{quote(identifier, safe='')}:{quote(secret, safe='')}".encode()).decode()
        form = {"grant_type": "client_credentials", **({"scope": " ".join(scheme.scopes)} if scheme.scopes else {})}
        headers = {"authorization": f"Basic {basic}", "accept": "application/json"}
        try:
            answer = await self._client_for(scheme.token_url).post(scheme.token_url, data=form, headers=headers)
        except httpx2.HTTPError as error:
            raise ClientError(f"The token endpoint could not be reached: {type(error).__name__}.") from error
        if answer.status_code != 200 or len(answer.content) > MAX_TOKEN_BYTES:
            raise CredentialRefused(f"The token endpoint answered {answer.status_code}.")
        try:
            said: Any = msgspec.json.decode(answer.content)
            token = said["access_token"]
            seconds = said.get("expires_in", UNKNOWN_SECONDS)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            raise ClientError("The token endpoint answered without a token.") from None
        if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise ClientError("The token endpoint answered without a token.")
        known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0
        return token, max(float(seconds) - EARLIER_SECONDS, 1.0) if known else UNKNOWN_SECONDS
