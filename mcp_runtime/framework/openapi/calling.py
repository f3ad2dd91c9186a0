"""One operation of an API: its arguments as a schema, and the call (FASTMCP K-09)."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.errors import MissingPackage, ToolError
from mcp_runtime.framework.functions.schemas import Schema, wrap_result
from mcp_runtime.framework.openapi.arguments import Arguments, arguments_of
from mcp_runtime.framework.openapi.documents import Document, HTTPRoute, is_json
from mcp_runtime.framework.openapi.schemas import Schemas

if TYPE_CHECKING:
    import httpx2

__all__ = ("Answer", "ApiClient", "Operation")

MOST_BYTES = 32 * 1024 * 1024
_LONGEST_ERROR = 4_000


class ApiClient:
    """The HTTP client of the operations: the author's, or one of ours for each event loop."""

    def __init__(
        self,
        client: httpx2.AsyncClient | None,
        *,
        base_url: str | None = None,
        make: Callable[[], httpx2.AsyncClient] | None = None,
    ) -> None:
        self._given = client
        self._base_url = base_url
        self._make = make or self._made
        self._own: tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient] | None = None

    def client(self) -> Any:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        if self._own is None or self._own[0] is not loop:
            self._own = (loop, self._make())
        return self._own[1]

    def prefix(self) -> str:
        """The address to put before a path; nothing where the client has one itself."""
        given = getattr(self._given, "base_url", None)
        return "" if self._given is None or str(given or "") else (self._base_url or "").rstrip("/")

    async def close(self) -> None:
        own, self._own = self._own, None
        if own is not None and own[0] is asyncio.get_running_loop():
            await own[1].aclose()

    def _made(self) -> httpx2.AsyncClient:
        client: httpx2.AsyncClient = imported_httpx2().AsyncClient(base_url=self._base_url or "", timeout=30.0)
        return client


class Answer:
    """What the API answered."""

    def __init__(self, content: bytes, content_type: str) -> None:
        self.content = content
        self.content_type = content_type.partition(";")[0].strip().lower()
        self._charset = content_type.partition("charset=")[2].strip('" ') or "utf-8"

    @property
    def is_text(self) -> bool:
        kind = self.content_type
        return is_json(kind) or kind.startswith("text/") or kind in ("application/xml", "application/yaml", "")

    @property
    def text(self) -> str:
        try:
            return self.content.decode(self._charset, errors="replace")
        except LookupError:
            return self.content.decode(errors="replace")

    def json(self) -> Any:
        """The value, if it is JSON. Raises ValueError."""
        import json

        try:
            return json.loads(self.text)
        except RecursionError:
            raise ValueError("It nests too deeply.") from None


class Operation:
    """An HTTPRoute that can be called."""

    def __init__(self, document: Document, route: HTTPRoute, api: ApiClient, *, seconds: float | None = None) -> None:
        self.route = route
        self._document = document
        self._api = api
        self._seconds = seconds

    @functools.cached_property
    def arguments(self) -> Arguments:
        """Worked out when first asked for. Raises DocumentError."""
        return arguments_of(self._document, self.route)

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the arguments."""
        return self.arguments.schema

    def output_schema(self, *, promised: bool) -> Schema | None:
        """That of the answer; with `promised` False, any object."""
        if self.route.response_schema is None:
            return None
        if not promised:
            return {"type": "object", "additionalProperties": True}
        schemas = Schemas(self._document, "response")
        schema = schemas.whole(schemas.converted(self.route.response_schema))
        return schema if schema.get("type") == "object" else wrap_result(schema)

    async def call(self, arguments: Mapping[str, Any]) -> Answer:
        """Send the request. Raises ToolError for what does not fit, and with the API's own words if it refuses."""
        outgoing = self.arguments.request({name: value for name, value in arguments.items() if value is not None})
        httpx = imported_httpx2()
        client = self._api.client()
        options: dict[str, Any] = {"headers": outgoing.headers}
        if outgoing.cookies:
            options["headers"] = {**outgoing.headers, "cookie": "; ".join(outgoing.cookies)}
        if outgoing.content is not None:
            options["content"] = outgoing.content
        if outgoing.files is not None:
            options["files"] = outgoing.files
        if self._seconds is not None:
            options["timeout"] = self._seconds
        request = client.build_request(self.route.method, self._api.prefix() + outgoing.target, **options)
        try:
            response = await client.send(request, stream=True)
            try:
                content = await _bounded(response)
            finally:
                await response.aclose()
        except ToolError:
            raise
        except (httpx.HTTPError, OSError) as error:
            raise ToolError(f"The API could not be reached: {type(error).__name__}.") from error
        answer = Answer(content, response.headers.get("content-type", ""))
        if response.status_code >= 300:
            said = answer.text.strip() if answer.is_text else ""
            raise ToolError(
                f"The API answered {response.status_code} {response.reason_phrase}".rstrip()
                + (f": {said[:_LONGEST_ERROR]}" if said else ".")
            )
        return answer


def imported_httpx2() -> Any:
    """The HTTP client's module. Raises MissingPackage."""
    try:
        import httpx2
    except ImportError as error:
        raise MissingPackage("httpx2", "A server made from an OpenAPI document") from error
    return httpx2


async def _bounded(response: Any) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MOST_BYTES:
            raise ToolError(f"The API answered with more than {MOST_BYTES // 1024 // 1024} MB.")
    return bytes(content)
