"""Where the platform is, which tenant is meant and which key to show: flags, then environment, then `demo.json`.

`stoa up` writes `demo.json` into its home folder, so that the commands it prints work without any setting.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from controlplane.cli.errors import CliError

HOME_FOLDER = ".stoa"
DEMO_FILE = "demo.json"


@dataclass(frozen=True, slots=True)
class Settings:
    url: str
    """The platform's address, without a slash at the end."""
    tenant: str
    api_key: str
    """Empty when `stoa login` is what lets us in."""

    def credential(self, endpoint: str | None = None) -> str:
        """What to send to the management API, or to an endpoint. Raises CliError when a login is over."""
        from controlplane.cli import login

        return self.api_key or login.token(self.url, self.tenant, endpoint)


def load(
    *,
    url: str | None,
    tenant: str | None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Settings:
    """Settle the three values. Raises CliError saying how to give the one that is missing."""
    from controlplane.cli import login

    demo = _demo(environ, cwd or Path.cwd())
    address, name = _place(url, tenant, environ, demo)
    key = environ.get("STOA_API_KEY", "")
    if not key and not (name and login.is_known(address, name)):
        key = demo.get("api_key", "") if _is_demos(address, demo) else ""
        if not key:
            raise CliError(
                "No API key is set, and you are not logged in.",
                hint="Run `stoa login`, or set STOA_API_KEY: `stoa keys create` or the dashboard makes one.",
            )
    return Settings(address, _required(name), key)


def place(
    *, url: str | None, tenant: str | None, environ: Mapping[str, str] = os.environ, cwd: Path | None = None
) -> tuple[str, str]:
    """Platform and tenant alone, for logging in there. Raises CliError."""
    address, name = _place(url, tenant, environ, _demo(environ, cwd or Path.cwd()))
    return address, _required(name)


def _place(
    url: str | None, tenant: str | None, environ: Mapping[str, str], demo: Mapping[str, str]
) -> tuple[str, str | None]:
    address = _address(url, environ, demo)
    demos = _tenant(demo.get("endpoint_url", "")) if _is_demos(address, demo) else None
    return address, tenant or environ.get("STOA_TENANT") or demos


def _is_demos(address: str, demo: Mapping[str, str]) -> bool:
    """The demo key opens the demo platform only: it is not shown to an address that someone else named."""
    return _origin(address) == _origin(demo.get("dashboard_url", ""))


def _required(name: str | None) -> str:
    if not name:
        raise CliError("No tenant is set.", hint="Pass --tenant, or set STOA_TENANT.")
    return name


def _address(url: str | None, environ: Mapping[str, str], demo: Mapping[str, str]) -> str:
    address = url or environ.get("STOA_URL") or demo.get("dashboard_url")
    if not address:
        raise CliError(
            "No platform is set.",
            hint="Run `stoa up` in the checkout, or set STOA_URL (or pass --url).",
        )
    if urlsplit(address).scheme not in ("http", "https"):
        raise CliError(
            f"'{address}' is not an address.",
            hint="It looks like https://mcp.example.com.",
        )
    return address.rstrip("/")


def _demo(environ: Mapping[str, str], cwd: Path) -> dict[str, str]:
    for path in _places(environ, cwd):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        try:
            document = json.loads(text)
        except ValueError as error:
            raise CliError(
                f"{path} is not valid JSON: {error}",
                hint="Remove it and run `stoa up` again.",
            ) from error
        if isinstance(document, dict):
            return {key: value for key, value in document.items() if isinstance(value, str)}
    return {}


def _places(environ: Mapping[str, str], cwd: Path) -> Iterator[Path]:
    if home := environ.get("STOA_HOME"):
        yield Path(home) / DEMO_FILE
    for folder in (cwd, *cwd.parents):
        yield folder / HOME_FOLDER / DEMO_FILE
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "manage.py").is_file():
        yield checkout / HOME_FOLDER / DEMO_FILE


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _tenant(endpoint_url: str) -> str | None:
    parts = urlsplit(endpoint_url).path.split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "t" else None
