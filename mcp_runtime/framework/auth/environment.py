"""Settings of providers from the environment (FASTMCP S-02).

`FASTMCP_SERVER_AUTH=fastmcp.server.auth.providers.github.GitHubProvider` names the class that a `FastMCP()` without
`auth=` uses; the class reads what it was not given from `FASTMCP_SERVER_AUTH_GITHUB_CLIENT_ID` and so on. A secret may
stand in a file that `…_FILE` names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_runtime.framework.auth.errors import WrongSetting

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.oauth_proxy import ProxyOptions
    from mcp_runtime.framework.auth.provider import AuthProvider

__all__ = ("Settings", "provider_from_environment")

VARIABLE = "FASTMCP_SERVER_AUTH"
_ALIAS = "fastmcp.server.auth."
_HOME = "mcp_runtime.framework.auth."


def provider_from_environment() -> AuthProvider | None:
    """The provider that FASTMCP_SERVER_AUTH names, None where it names none. Raises WrongSetting."""
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return None
    module, _, name = named.rpartition(".")
    if f"{module}.".startswith(_ALIAS):
        module = _HOME + module.removeprefix(_ALIAS)
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongSetting(
            f"{VARIABLE}={named!r} names no class; write it like {_ALIAS}providers.github.GitHubProvider."
        ) from error
    from mcp_runtime.framework.auth.provider import AuthProvider

    if not (isinstance(found, type) and issubclass(found, AuthProvider)):
        raise WrongSetting(f"{VARIABLE}={named!r} is no auth provider.")
    return found()


class Settings:
    """What a provider was given, and the environment for the rest."""

    def __init__(self, provider: str, *prefixes: str) -> None:
        self._provider = provider
        self._prefixes = [f"{VARIABLE}_{prefix}_" for prefix in prefixes]

    def text(self, name: str, given: object | None) -> str | None:
        if given is not None:
            return str(given)
        for prefix in self._prefixes:
            variable = prefix + name.upper()
            if value := os.environ.get(variable):
                return value
            if path := os.environ.get(f"{variable}_FILE"):
                return Path(path).read_text(encoding="utf-8").strip()
        return None

    def required(self, name: str, given: object | None) -> str:
        """Raises WrongSetting naming the keyword and the variable."""
        found = self.text(name, given)
        if not found:
            raise WrongSetting(f"{self._provider} needs {name}=, or the variable {self._prefixes[0]}{name.upper()}.")
        return found

    def proxy_options(self, given: ProxyOptions) -> ProxyOptions:
        """An OAuth proxy's options, those it was not given from the environment."""
        found = given.copy()
        for name in ("issuer_url", "redirect_path", "jwt_signing_key"):
            if found.get(name) is None and (text := self.text(name, None)) is not None:
                found[name] = text
        if found.get("allowed_client_redirect_uris") is None:
            allowed = self.words("allowed_client_redirect_uris", None)
            if allowed is not None:
                found["allowed_client_redirect_uris"] = allowed
        return found

    def words(self, name: str, given: Iterable[str] | None) -> list[str] | None:
        """A list: in the environment with commas or spaces between, or as JSON."""
        if given is not None:
            return [given] if isinstance(given, str) else list(given)
        text = self.text(name, None)
        if text is None:
            return None
        if text.lstrip().startswith(('["', "[]")):
            try:
                return [str(each) for each in json.loads(text)]
            except ValueError as error:
                raise WrongSetting(f"{self._prefixes[0]}{name.upper()} begins like a JSON list and is none.") from error
        return text.replace(",", " ").split()
