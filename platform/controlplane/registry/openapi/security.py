"""An OpenAPI document's security schemes, as secrets of the server and where they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from mcp_runtime.ports.apis import Scheme

_PLACES: dict[str, Literal["query", "header", "cookie"]] = {"query": "query", "header": "header", "cookie": "cookie"}
_HOW: dict[str, Literal["bearer", "basic"]] = {"bearer": "bearer", "basic": "basic"}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_TAKEN = ("LD_", "PYTHON", "STOA_")
"""Names of secrets that the vault refuses."""
_NEVER = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "cookie"})


def scheme_of(name: str, given: Any, base_url: str) -> Scheme | None:
    """None for one that we cannot serve, such as mutual TLS."""
    if not isinstance(given, Mapping):
        return None
    secret = secret_name(name)
    match given.get("type"):
        case "apiKey":
            place = _PLACES.get(str(given.get("in")))
            key = str(given.get("name") or "")
            if place is None or not _HEADER.fullmatch(key) or key.lower() in _NEVER:
                return None
            return Scheme(kind="key", secrets=(secret,), place=place, name=key)
        case "http":
            how = _HOW.get(str(given.get("scheme")).lower())
            return Scheme(kind=how, secrets=(secret,)) if how is not None else None
        case "openIdConnect":
            return Scheme(kind="bearer", secrets=(secret,))
        case "oauth2":
            flows = given.get("flows")
            flow = flows.get("clientCredentials") if isinstance(flows, Mapping) else None
            address = urljoin(base_url, str(flow.get("tokenUrl") or "")) if isinstance(flow, Mapping) else ""
            if flow is None or urlsplit(address).scheme not in ("http", "https"):
                return Scheme(kind="bearer", secrets=(secret,))  # a token that somebody obtained
            names = (f"{secret}_CLIENT_ID", f"{secret}_CLIENT_SECRET")
            return Scheme(kind="client_credentials", secrets=names, token_url=address)
    return None


def secret_name(scheme: str) -> str:
    """The name of the secret, out of the name of the scheme."""
    name = re.sub(r"[^A-Z0-9]+", "_", scheme.upper()).strip("_")[:80] or "CREDENTIAL"
    return f"API_{name}" if name[0].isdigit() or name.startswith(_TAKEN) else name


def requirements(
    wanted: Any, schemes: Mapping[str, Scheme]
) -> tuple[tuple[tuple[str, ...], ...] | None, dict[str, set[str]]]:
    """The ways in that an operation has, and the scopes it names. None: it has some, and we can serve none of them."""
    if not isinstance(wanted, list) or not wanted:
        return (), {}
    ways: list[tuple[str, ...]] = []
    scopes: dict[str, set[str]] = {}
    for way in wanted:
        if isinstance(way, Mapping) and all(name in schemes for name in way):
            ways.append(tuple(str(name) for name in way))
            for name, named in way.items():
                scopes.setdefault(str(name), set()).update(_texts(named))
    return (tuple(ways) if ways else None), scopes


def _texts(named: Any) -> Iterable[str]:
    return (one for one in named if isinstance(one, str)) if isinstance(named, list) else ()
