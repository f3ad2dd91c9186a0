"""What a function can ask for without declaring it as a parameter (FASTMCP C-01, C-20 to C-22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mcp_runtime.framework.context import Context, current_context

__all__ = ("AccessToken", "get_access_token", "get_context", "get_http_headers", "get_http_request")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who calls, as the platform verified it. The credential itself never reaches a server: `token` is empty."""

    token: str
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)


def get_context() -> Context:
    """The Context of the request being answered. Raises RuntimeError outside of one."""
    context = current_context()
    if context is None:
        raise RuntimeError("No active context found.")
    return context


def get_access_token() -> AccessToken | None:
    """Who calls; None where nobody was authenticated."""
    context = current_context()
    caller = None if context is None else context.exchange.caller
    if caller is None or not caller.subject:
        return None
    return AccessToken("", caller.client_id, list(caller.scopes), None, {"sub": caller.subject})


def get_http_headers(include_all: bool = False) -> dict[str, str]:
    """The request's HTTP headers; empty where the request does not carry them to the server (FASTMCP C-21)."""
    return {}


def get_http_request() -> NoReturn:
    """Refuse: the HTTP request stays at the gateway (FASTMCP C-20)."""
    raise RuntimeError("No active HTTP request found: the server is not reached by HTTP itself.")
