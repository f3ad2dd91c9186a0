"""The proxy as a client of the identity provider: addresses to send people to, codes and refresh tokens exchanged."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from mcp_runtime.framework.auth.errors import OAuthError, ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.tokens import scopes_of

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.fetch import Answer, Fetcher

__all__ = ("Endpoints", "Upstream", "UpstreamTokens")

_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True)
class Endpoints:
    authorization: str
    token: str
    revocation: str | None = None
    auth_methods: Sequence[str] = ("client_secret_basic",)
    issuer: str | None = None
    names_itself: bool = False
    """Whether its answers carry its issuer."""

    def sent(self, issuer: str | None) -> bool:
        """Whether an answer with this `iss` is from here (RFC 9207 section 2.4; PROTOCOL U-04)."""
        if issuer is None:
            return not self.names_itself
        return self.issuer is None or issuer == self.issuer


@dataclass(frozen=True, kw_only=True)
class UpstreamTokens:
    """What the identity provider gave; never shown to the MCP client."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    scopes: list[str] = field(default_factory=list)

    def expires_within(self, seconds: float) -> bool:
        return self.expires_at is not None and self.expires_at - seconds <= time.time()

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(**record)


class Upstream:
    """One registration at one identity provider. `endpoints` is asked when needed: they may have to be discovered."""

    def __init__(
        self,
        *,
        endpoints: Callable[[], Awaitable[Endpoints]],
        client_id: str,
        client_secret: str | None,
        fetcher: Fetcher,
        auth_method: str | None = None,
        authorize_params: Mapping[str, str] | None = None,
        token_params: Mapping[str, str] | None = None,
    ) -> None:
        if auth_method is not None and auth_method not in _METHODS:
            raise WrongSetting(f"token_endpoint_auth_method={auth_method!r} is not one of {', '.join(_METHODS)}.")
        self.client_id = client_id
        self.endpoints = endpoints
        self._secret = client_secret
        self._fetcher = fetcher
        self._auth_method = auth_method
        self._authorize_params = dict(authorize_params or {})
        self._token_params = dict(token_params or {})

    async def authorize_url(
        self,
        *,
        redirect_uri: str,
        state: str,
        scopes: Sequence[str],
        challenge: str | None,
        resource: str | None,
    ) -> str:
        endpoint = (await self.endpoints()).authorization
        asked = {"response_type": "code", "client_id": self.client_id, "redirect_uri": redirect_uri, "state": state}
        if scopes:
            asked["scope"] = " ".join(scopes)
        if challenge is not None:
            asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        if resource is not None:
            asked["resource"] = resource
        return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(asked | self._authorize_params)

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str | None) -> UpstreamTokens:
        """Raises OAuthError when the provider refuses, ProviderUnavailable when it does not answer."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier is not None:
            form["code_verifier"] = verifier
        return await self._tokens(form)

    async def refresh(self, old: UpstreamTokens, scopes: Sequence[str]) -> UpstreamTokens:
        """The same, by refresh token. A provider that gives no new refresh token lets the old one go on."""
        form = {"grant_type": "refresh_token", "refresh_token": old.refresh_token or ""}
        if scopes:
            form["scope"] = " ".join(scopes)
        new = await self._tokens(form)
        return UpstreamTokens(
            access_token=new.access_token,
            refresh_token=new.refresh_token or old.refresh_token,
            id_token=new.id_token or old.id_token,
            expires_at=new.expires_at,
            scopes=new.scopes or old.scopes,
        )

    async def revoke(self, tokens: UpstreamTokens) -> None:
        """RFC 7009, where the provider has it; it is asked, and its answer changes nothing here."""
        endpoint = (await self.endpoints()).revocation
        if endpoint is None:
            return
        await self._post(endpoint, {"token": tokens.refresh_token or tokens.access_token})

    async def _tokens(self, form: dict[str, str]) -> UpstreamTokens:
        answer = await self._post((await self.endpoints()).token, form | self._token_params)
        said = _parameters(answer)
        if "error" in said or not answer.ok:  # some refuse with 200
            error = said.get("error")
            raise OAuthError(error if isinstance(error, str) else "invalid_grant", "The identity provider refused.")
        access, expires = said.get("access_token"), said.get("expires_in")
        if not isinstance(access, str) or not access:
            raise ProviderUnavailable("The identity provider's answer holds no access token.")
        try:
            seconds = None if expires in (None, "") else float(str(expires))
        except ValueError:
            seconds = None
        return UpstreamTokens(
            access_token=access,
            refresh_token=_text(said, "refresh_token"),
            id_token=_text(said, "id_token"),
            expires_at=None if seconds is None else time.time() + seconds,
            scopes=scopes_of({"scope": (_text(said, "scope") or "").replace(",", " ")}),
        )

    async def _post(self, url: str, form: dict[str, str]) -> Answer:
        method = self._auth_method or await self._offered_method()
        if self._secret is None or method == "none":
            return await self._fetcher.post(url, form | {"client_id": self.client_id})
        if method == "client_secret_basic":
            return await self._fetcher.post(url, form, basic=(self.client_id, self._secret))
        return await self._fetcher.post(url, form | {"client_id": self.client_id, "client_secret": self._secret})

    async def _offered_method(self) -> str:
        offered = (await self.endpoints()).auth_methods
        return next((method for method in _METHODS if method in offered), "client_secret_basic")


def _parameters(answer: Answer) -> dict[str, Any]:
    """The members of an answer: JSON, or a form as some providers still give."""
    if answer.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(answer.body.decode("utf-8", "replace")))
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    if not answer.ok:
        return {"error": "invalid_grant"}
    raise ProviderUnavailable("The identity provider's answer is neither JSON nor a form.")


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None
