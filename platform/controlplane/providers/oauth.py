"""The client's half of a sign-in: where to send the person, and what their code is worth. Authlib writes the requests;
they go out over the guarded client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Client, OAuth2Error

from controlplane.outbound import Answer, FetchError, ask
from controlplane.providers.errors import SignInRefused
from controlplane.providers.kinds import KINDS
from controlplane.providers.metadata import Metadata, read_object
from controlplane.providers.models import Provider

_METHODS = ("client_secret_post", "client_secret_basic", "none")


def authorization_url(
    provider: Provider, metadata: Metadata, *, redirect_uri: str, state: str, nonce: str, verifier: str
) -> str:
    kind = KINDS[provider.kind]
    extra = {name: value.format_map(_Settings(provider.settings)) for name, value in kind.authorize.items()}
    extra = {name: value for name, value in extra.items() if value}
    if kind.protocol == "openid":
        extra["nonce"] = nonce
    if kind.scopes:
        extra["scope"] = " ".join(kind.scopes)
    client = _client(provider, metadata, "", redirect_uri)
    url, _ = client.create_authorization_url(
        metadata.authorization_endpoint, state=state, code_verifier=verifier, **extra
    )
    return str(url)


def redeem(
    provider: Provider, metadata: Metadata, *, secret: str, redirect_uri: str, code: str, verifier: str
) -> dict[str, Any]:
    """The token response. Raises SignInRefused, FetchError. The provider's own words are shown, never its tokens."""
    client = _client(provider, metadata, secret, redirect_uri)
    try:
        answer = client.fetch_token(
            metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
        )
    except OAuth2Error as error:
        raise SignInRefused(
            f"The provider did not take the code: {_words(error.error)} {_words(error.description)}".strip(),
            "Most often the client secret is wrong or expired, or the redirect URI differs from the registered one.",
        ) from error
    return dict(answer)


def get(url: str, access_token: str, *, accept: str = "application/json") -> Answer:
    """Ask the provider about the person whose token it is. Raises FetchError."""
    answer = ask(url, headers={"Accept": accept, "Authorization": f"Bearer {access_token}"}, max_bytes=256 * 1024)
    if answer.status != 200:
        raise FetchError(f"The provider answered {answer.status} to a question about the person.")
    return answer


def _client(provider: Provider, metadata: Metadata, secret: str, redirect_uri: str) -> Any:
    offered = [method for method in _METHODS if method in metadata.auth_methods]
    method = "none" if not secret else (offered or ["client_secret_basic"])[0]
    return OAuth2Client(
        _Session(),
        client_id=provider.client_id,
        client_secret=secret or None,
        token_endpoint_auth_method=method,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )


class _Session:
    """What Authlib takes for an HTTP library: one request, over the guarded client."""

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Response:
        body = urlencode(data)
        url, prepared, body = auth.prepare("POST", url, dict(headers), body)
        return _Response(ask(url, method="POST", headers=prepared, body=body.encode()))


class _Response:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status_code = answer.status

    def json(self) -> dict[str, Any]:
        """An error has the form that Authlib turns into its exception; anything else that is no success ends here."""
        found = read_object(self._answer.body, f"The answer of the token endpoint ({self.status_code})")
        if self.status_code != 200 and "error" not in found:
            self.raise_for_status()
        return found

    def raise_for_status(self) -> None:
        raise FetchError(f"The token endpoint answered {self.status_code}.")


class _Settings(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _words(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
