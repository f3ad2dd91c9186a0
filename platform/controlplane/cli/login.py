"""`stoa login`: a person allows this terminal in a browser (RFC 8628), and commands go on without an API key.

What is kept stands in one file of the user's own, readable by nobody else: a refresh token for each platform and
tenant, and the last access token.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from controlplane.cli.errors import CliError

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SPARE_SECONDS = 30
"""An access token that is about to expire is not used any more."""

_AGAIN = "Log in again: stoa login"


def log_in(url: str, tenant: str, show: Any) -> None:
    """Until the person has decided. `show(address, code)` tells them where to. Raises CliError."""
    issuer = f"{url}/t/{quote(tenant, safe='')}"
    with _http() as http:
        metadata = _metadata(http, url, tenant, issuer)
        client_id = _register(http, metadata)
        form = {"client_id": client_id, "resource": _management(url, tenant)}
        asked = _post(http, metadata["device_authorization_endpoint"], form)
        show(asked["verification_uri_complete"], asked["user_code"])
        tokens = _wait(http, metadata["token_endpoint"], client_id, asked)
    kept = {
        "client_id": client_id,
        "token_endpoint": metadata["token_endpoint"],
        "revocation_endpoint": metadata["revocation_endpoint"],
    }
    _keep(url, tenant, kept | _kept_tokens(tokens))


def log_out(url: str, tenant: str) -> bool:
    """End the login at the platform and forget it; whether there was one. Raises CliError when it cannot be ended."""
    login = _logins().get(_key(url, tenant))
    if login is None:
        return False
    with _http() as http:
        _post(http, login["revocation_endpoint"], {"client_id": login["client_id"], "token": login["refresh_token"]})
    _keep(url, tenant, None)
    return True


def is_known(url: str, tenant: str) -> bool:
    return _key(url, tenant) in _logins()


def token(url: str, tenant: str, endpoint: str | None = None) -> str:
    """An access token for the management API, or for one endpoint. Raises CliError when the login is over."""
    login = _logins().get(_key(url, tenant))
    if login is None:
        raise CliError(f"You are not logged in to {tenant} at {url}.", hint=_AGAIN)
    if endpoint is None and login["expires_at"] > time.time() + SPARE_SECONDS:
        return str(login["access_token"])
    resource = _management(url, tenant) if endpoint is None else f"{url}/t/{quote(tenant, safe='')}/{endpoint}/mcp"
    form = {
        "grant_type": "refresh_token",
        "client_id": login["client_id"],
        "refresh_token": login["refresh_token"],
        "resource": resource,
    }
    with _http() as http:
        tokens = _post(http, login["token_endpoint"], form)
    if endpoint is None:
        login |= _kept_tokens(tokens)
    else:
        login["refresh_token"] = tokens["refresh_token"]
    _keep(url, tenant, login)
    return str(tokens["access_token"])


def _metadata(http: httpx2.Client, url: str, tenant: str, issuer: str) -> dict[str, Any]:
    try:
        answer = http.get(f"{url}/.well-known/oauth-authorization-server/t/{quote(tenant, safe='')}")
    except httpx2.TransportError as error:
        raise _unreachable(url, error) from error
    if answer.status_code != 200:
        raise CliError(f"{url} has no tenant '{tenant}' that one could log in to.", hint="Check --url and --tenant.")
    metadata: dict[str, Any] = answer.json()
    if metadata.get("issuer") != issuer:
        own = str(metadata.get("issuer", "")).rpartition("/t/")[0]
        raise CliError(f"The platform calls itself {own}, not {url}.", hint=f"Use its own address: --url {own}")
    return metadata


def _register(http: httpx2.Client, metadata: dict[str, Any]) -> str:
    said = {
        "client_name": f"stoa on {platform.node() or 'a terminal'}"[:100],
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    return str(_answer(http, metadata["registration_endpoint"], json=said)["client_id"])


def _wait(http: httpx2.Client, address: str, client_id: str, asked: dict[str, Any]) -> dict[str, Any]:
    deadline, interval = time.monotonic() + asked["expires_in"], asked["interval"]
    form = {"grant_type": DEVICE_CODE, "client_id": client_id, "device_code": asked["device_code"]}
    while time.monotonic() < deadline:
        time.sleep(interval)
        answer = http.post(address, data=form)
        body: dict[str, Any] = answer.json()
        match body.get("error"):
            case None:
                return body
            case "authorization_pending":
                continue
            case "slow_down":
                interval += 5
            case "access_denied":
                raise CliError("The login was refused in the browser.", hint=_AGAIN)
            case _:
                break
    raise CliError("Nobody allowed the login in time.", hint=_AGAIN)


def _post(http: httpx2.Client, address: str, form: dict[str, str]) -> dict[str, Any]:
    return _answer(http, address, data=form)


def _answer(http: httpx2.Client, address: str, **body: Any) -> dict[str, Any]:
    try:
        answer = http.post(address, **body)
    except httpx2.TransportError as error:
        raise _unreachable(address, error) from error
    try:
        said: dict[str, Any] = answer.json()
    except ValueError:
        said = {}
    if not answer.is_success:
        raise CliError(said.get("error_description") or f"The platform answered {answer.status_code}.", hint=_AGAIN)
    return said


def _unreachable(address: str, error: httpx2.TransportError) -> CliError:
    return CliError(f"No answer from {address}: {str(error) or type(error).__name__}", hint="Is the platform running?")


def _http() -> httpx2.Client:
    return httpx2.Client(timeout=httpx2.Timeout(30.0, connect=10.0), headers={"user-agent": "stoa-cli"})


def _management(url: str, tenant: str) -> str:
    return f"{url}/api/v1/tenants/{quote(tenant, safe='')}"


def _kept_tokens(tokens: dict[str, Any]) -> dict[str, Any]:
    return {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "expires_at": time.time() + tokens["expires_in"],
    }


def _file() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "stoa" / "logins.json"


def _key(url: str, tenant: str) -> str:
    return f"{url} {tenant}"


def _logins() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CliError(f"{_file()} cannot be read: {error}", hint="Remove it and log in again.") from error
    return found if isinstance(found, dict) else {}


def _keep(url: str, tenant: str, login: dict[str, Any] | None) -> None:
    """Written beside and moved over, so that a command that is interrupted leaves the old file whole."""
    logins = _logins()
    logins.pop(_key(url, tenant), None)
    if login is not None:
        logins[_key(url, tenant)] = login
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".logins-")  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(logins, file)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
