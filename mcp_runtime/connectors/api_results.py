"""What an HTTP API answered, as the result of a tool or the contents of a resource."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from httpx2 import Response

from mcp_runtime.framework.openapi.calling import Answer
from mcp_runtime.ports.apis import Operation
from mcp_runtime.protocol.errors import Internal
from mcp_runtime.transports.refusals import problem

LONGEST_ERROR = 4_000
LONGEST_HINT = 500


def tool_result(response: Response, operation: Operation, name: str) -> dict[str, Any]:
    """The result of `tools/call`; what the API refused is for the model to read (PROTOCOL E-01)."""
    answer = Answer(response.content, response.headers.get("content-type", ""))
    if response.status_code >= 300:
        return refused(_words(response, answer))
    result = _content(answer, operation, name)
    more = _next_page(response)
    if more:
        result["content"].append({"type": "text", "text": more})
    return result


def read_result(response: Response, uri: str, request_id: str) -> dict[str, Any]:
    """The result of `resources/read`. Raises McpError for what the API refused."""
    answer = Answer(response.content, response.headers.get("content-type", ""))
    if response.status_code >= 300:
        hint = "Is the address of the resource right, and may the endpoint's owner read it?"
        data = problem("api_refused", "upstream", hint, request_id, status=response.status_code)
        raise Internal(_words(response, answer), data=data)
    contents: dict[str, Any] = {"uri": uri}
    if answer.content_type:
        contents["mimeType"] = answer.content_type
    if answer.is_text:
        contents["text"] = answer.text
    else:
        contents["blob"] = base64.b64encode(answer.content).decode("ascii")
    return {"contents": [contents]}


def refused(text: str) -> dict[str, Any]:
    return {"content": [_text(text)], "isError": True}


def _content(answer: Answer, operation: Operation, name: str) -> dict[str, Any]:
    if not answer.content:
        if operation.wraps:
            return {"content": [], "structuredContent": {"result": None}}
        return {"content": []}
    if not answer.is_text:
        return {"content": [_binary(answer, name)]}
    try:
        value = answer.json()
    except ValueError:
        return {"content": [_text(answer.text)]}
    structured = value if isinstance(value, dict) and not operation.wraps else {"result": value}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return {"content": [_text(text)], "structuredContent": structured}


def _binary(answer: Answer, name: str) -> dict[str, Any]:
    data = base64.b64encode(answer.content).decode("ascii")
    kind = answer.content_type.partition("/")[0]
    if kind in ("image", "audio"):
        return {"type": kind, "data": data, "mimeType": answer.content_type}
    return {
        "type": "resource",
        "resource": {"uri": f"resource:///{name}", "mimeType": answer.content_type, "blob": data},
    }


def _words(response: Response, answer: Answer) -> str:
    said = answer.text.strip() if answer.is_text else ""
    if 300 <= response.status_code < 400:
        said = "it leads to another address, and redirects are not followed"
    reason = response.reason_phrase
    text = f"The API answered {response.status_code} {reason}".rstrip()
    return f"{text}: {said[:LONGEST_ERROR]}" if said else f"{text}."


def _next_page(response: Response) -> str:
    """How the next page is asked for, where the API says so in a `Link` header (RFC 8288)."""
    try:
        url = response.links.get("next", {}).get("url")
        query = dict(parse_qsl(urlsplit(url).query)) if url else {}
    except ValueError:
        return ""
    if not query:
        return ""
    hint = ", ".join(f"{name}={value}" for name, value in query.items())
    return f"There is more: the next page has {hint}."[:LONGEST_HINT]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
