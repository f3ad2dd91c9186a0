"""The HTTP request behind a call, where there is one (FASTMCP C-20, C-21)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("Headers", "HttpRequest", "concerns_one_connection", "headers_of", "holds_a_credential", "request_of")

_HOP = frozenset(
    (
        "host", "content-length", "connection", "accept", "content-type", "transfer-encoding", "te", "trailer",
        "upgrade", "keep-alive", "mcp-session-id",
    )
)  # fmt: skip
_SECRET = frozenset(("authorization", "cookie", "proxy-authorization", "proxy-authenticate", "x-api-key"))


class Headers(Mapping[str, str]):
    """Headers, whose names are of any case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._headers[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._headers)})"  # values may be secrets


class HttpRequest:
    """A request as the server may see it, under the names of Starlette's."""

    def __init__(self, headers: Mapping[str, str], *, method: str = "POST", url: str = "", client: Any = None) -> None:
        self.headers = Headers(headers)
        self.method = method
        self.url = url
        self.client = client

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query_params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    def __repr__(self) -> str:
        return f"<HttpRequest {self.method} {self.path}>"


def request_of(context: Context | None) -> Any:
    """The request; None where the call came by another way.

    In a sandbox it is what the gateway tells of it: the headers that are no credentials.
    """
    if context is None:
        return None
    request = getattr(context.exchange, "http_request", None)
    if request is None and (headers := context.exchange.caller.headers):
        request = HttpRequest(headers)
    return request


def headers_of(context: Context | None, *, include_all: bool, include: Collection[str]) -> dict[str, str]:
    """The request's headers, those left out that concern one connection only, and credentials.

    `include` names some of them to have all the same; `include_all` leaves nothing out.
    """
    request = request_of(context)
    if request is None:
        return {}
    asked = {name.lower() for name in include}
    return {
        name.lower(): value
        for name, value in request.headers.items()
        if include_all or name.lower() in asked or not (concerns_one_connection(name) or holds_a_credential(name))
    }


def concerns_one_connection(name: str) -> bool:
    """Whether a header says nothing beyond the connection it came by."""
    return name.lower() in _HOP


def holds_a_credential(name: str) -> bool:
    name = name.lower()
    return name in _SECRET or name.startswith("proxy-")
