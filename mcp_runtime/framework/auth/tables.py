"""Credentials that the author wrote down, found by digest: how long a look takes says nothing about the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.provider import words
from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("TokenTable",)


class TokenTable:
    """`{credential: {<name>: who, "scopes": […], "expires_at": …, other claims}}`; a list, or a text, for who alone."""

    def __init__(self, entries: Mapping[str, Any] | Iterable[str], name: str) -> None:
        found = entries if isinstance(entries, Mapping) else dict.fromkeys(entries, None)
        self._tokens = {_digest(credential): _token(credential, said, name) for credential, said in found.items()}

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, credential: str) -> AccessToken | None:
        found = self._tokens.get(_digest(credential))
        return None if found is None or found.expired() else found


def _token(credential: str, said: Any, name: str) -> AccessToken:
    if not credential:
        raise WrongSetting("A credential in the table is empty: everybody could bring it.")
    if said is None or isinstance(said, str):
        said = {} if said is None else {name: said}
    if not isinstance(said, Mapping):
        raise WrongSetting(f"A credential's entry is a mapping like {{{name!r}: …, 'scopes': […]}}, not {said!r}.")
    client = str(said.get("client_id") or said.get(name) or "api-key")
    expires = said.get("expires_at")
    claims = {key: value for key, value in said.items() if key not in ("scopes", "expires_at")}
    claims.setdefault("sub", str(said.get(name) or client))
    return AccessToken(credential, client, words(said.get("scopes")), None if expires is None else int(expires), claims)


def _digest(credential: str) -> bytes:
    return sha256(credential.encode()).digest()
