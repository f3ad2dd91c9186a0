"""What a request carries in each era: headers, `_meta`, session (PROTOCOL 2.6, 3.1, 3.2)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from mcp_runtime.client.handlers import Handlers
from mcp_runtime.protocol.ladder import NAMED_BY
from mcp_runtime.protocol.param_headers import Mark, MarkError, marks, value_at

__all__ = (
    "LATEST_LEGACY",
    "MODERN",
    "MODERN_ERRORS",
    "Era",
    "Legacy",
    "Modern",
    "declared",
    "header_value",
    "is_modern_error",
)

MODERN = "2026-07-28"
LATEST_LEGACY = "2025-11-25"
_META = "io.modelcontextprotocol/"
MODERN_ERRORS = frozenset({-32020, -32021, -32022})
_log = logging.getLogger(__name__)
_CAPABILITIES = _META + "clientCapabilities"


class Era(Protocol):
    def params(self, params: dict[str, Any], *, token: int | None) -> dict[str, Any]:
        """The parameters as this era sends them; `token` asks for progress."""

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        """The headers beside the common ones."""

    def noticed(self, headers: Mapping[str, str]) -> None:
        """Take in what the answer's headers say."""

    def usable(self, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The listed tools that can be called in this era; what calling them takes is remembered."""


class Modern:
    """2026-07-28: every request says everything about itself."""

    def __init__(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers = handlers
        self._client_info = client_info
        self._marks: dict[str, tuple[Mark, ...]] = {}

    def params(self, params: dict[str, Any], *, token: int | None) -> dict[str, Any]:
        params, capabilities = declared(params, self._handlers)
        meta: dict[str, Any] = {
            **(params.get("_meta") or {}),
            _META + "protocolVersion": MODERN,
            _CAPABILITIES: capabilities,
            _META + "clientInfo": self._client_info,
        }
        if self._handlers.log is not None:
            meta[_META + "logLevel"] = self._handlers.log_level
        if token is not None:
            meta["progressToken"] = token
        return {**params, "_meta": meta}

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        headers = {"mcp-protocol-version": MODERN}
        if method:
            headers["mcp-method"] = method
        if method in NAMED_BY:
            name = str(params.get(NAMED_BY[method], ""))
            headers["mcp-name"] = header_value(name)
            if method == "tools/call" and name in self._marks:
                arguments = params.get("arguments") or {}
                for mark in self._marks[name]:
                    value = value_at(arguments, mark.path)
                    if value is not None:
                        headers[f"mcp-param-{mark.token}"] = header_value(_as_text(value))
        return headers

    def noticed(self, headers: Mapping[str, str]) -> None:
        """Nothing: there is no session."""

    def usable(self, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without those whose schema asks for headers that cannot be (PROTOCOL T-05)."""
        found: list[dict[str, Any]] = []
        for tool in tools:
            try:
                expected = marks(tool.get("inputSchema"))
            except MarkError as error:
                _log.warning("The tool %r is left out: %s", tool.get("name"), error)
                continue
            if expected:
                self._marks[str(tool.get("name"))] = expected
            found.append(tool)
        return found


class Legacy:
    """2024-11-05 to 2025-11-25: a handshake, and perhaps a session."""

    def __init__(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self.version: str | None = None
        self.session_id: str | None = None
        self._handlers = handlers
        self._client_info = client_info

    def introduction(self, version: str) -> dict[str, Any]:
        """The parameters of `initialize`."""
        return {
            "protocolVersion": version,
            "capabilities": self._handlers.capabilities,
            "clientInfo": self._client_info,
        }

    def params(self, params: dict[str, Any], *, token: int | None) -> dict[str, Any]:
        if token is None:
            return params
        return {**params, "_meta": {**(params.get("_meta") or {}), "progressToken": token}}

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        headers = {} if self.version is None else {"mcp-protocol-version": self.version}
        if self.session_id is not None:
            headers["mcp-session-id"] = self.session_id
        return headers

    def noticed(self, headers: Mapping[str, str]) -> None:
        self.session_id = headers.get("mcp-session-id") or self.session_id

    def usable(self, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return tools


def declared(params: dict[str, Any], handlers: Handlers) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters, and what the client declares with them: its handlers, and what this request says beyond them."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or _CAPABILITIES not in meta:
        return params, handlers.capabilities
    rest = {key: value for key, value in meta.items() if key != _CAPABILITIES}
    return {**params, "_meta": rest}, {**handlers.capabilities, **meta[_CAPABILITIES]}


def is_modern_error(status: int, code: int) -> bool:
    """Whether an error can only come from a server that knows the modern era (PROTOCOL V-13)."""
    return code in MODERN_ERRORS or (code == -32601 and status == 404)


def header_value(text: str) -> str:
    """As it is where a header can carry it, else Base64 between the markers (PROTOCOL H-03)."""
    plain = text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?")
    return text if plain and text else f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
