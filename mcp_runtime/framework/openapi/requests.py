"""A tool's arguments as an HTTP request: every parameter style of OpenAPI, and the body.

A path parameter is one segment whatever it holds: its slashes are encoded, and a value that climbs is refused, for
servers behind proxies decode and shorten paths (FASTMCP 3.1, 3.19).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.openapi.documents import ParameterInfo, RequestBodyInfo, is_json

__all__ = ("Outgoing", "body_of", "cookie_of", "header_of", "path_of", "query_of")

_RESERVED = ":/?#[]@!$&'()*+,;="
_VARIABLE = re.compile(r"\{([^{}]+)\}")


@dataclass
class Outgoing:
    """What is sent, before the client adds its own."""

    path: str
    query: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    content: bytes | None = None
    files: list[tuple[str, tuple[str | None, bytes]]] | None = None

    @property
    def target(self) -> str:
        return self.path + ("?" + "&".join(self.query) if self.query else "")


def path_of(template: str, values: Mapping[str, tuple[ParameterInfo, Any]]) -> str:
    """The path with its parameters filled in."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in values:
            raise ToolError(f"The path parameter {name!r} is required.")
        return _segment(*values[name])

    return _VARIABLE.sub(fill, template)


def _segment(parameter: ParameterInfo, value: Any) -> str:
    name = parameter.name
    for text in _texts_in(value):
        if not text or any(part in (".", "..") for part in re.split(r"[/\\]", text)) or _has_controls(text):
            raise ToolError(f"{text!r} cannot be the path parameter {name!r}: it is one segment of a path.")
    if parameter.as_json:
        return quote(json.dumps(value), safe="")
    pairs, texts = _parts(value)
    if parameter.style == "label":
        joined = "." if parameter.explode else ","
        return "." + (
            joined.join(f"{key}={item}" for key, item in pairs)
            if pairs is not None and parameter.explode
            else joined.join(_flat(pairs, texts))
        )
    if parameter.style == "matrix":
        if pairs is not None and parameter.explode:
            return "".join(f";{key}={item}" for key, item in pairs)
        if parameter.explode and isinstance(value, (list, tuple)):
            return "".join(f";{quote(name, safe='')}={text}" for text in texts)
        return f";{quote(name, safe='')}={','.join(_flat(pairs, texts))}"
    if pairs is not None and parameter.explode:
        return ",".join(f"{key}={item}" for key, item in pairs)
    return ",".join(_flat(pairs, texts))


def query_of(parameter: ParameterInfo, value: Any) -> list[str]:
    """The parameter's `name=value` parts, encoded."""
    safe = _RESERVED.replace("&", "").replace("#", "").replace("+", "") if parameter.allow_reserved else ""
    name = quote(parameter.name, safe="[]")
    if parameter.as_json:
        return [f"{name}={quote(json.dumps(value), safe='')}"]
    pairs, texts = _parts(value, safe)
    if pairs is not None:
        if parameter.style == "deepObject":
            return [f"{name}%5B{key}%5D={item}" for key, item in pairs]
        if parameter.explode:
            return [f"{key}={item}" for key, item in pairs]
        return [f"{name}={','.join(_flat(pairs, texts))}"]
    if isinstance(value, (list, tuple)):
        if parameter.explode and parameter.style in ("form", "deepObject"):
            return [f"{name}={text}" for text in texts]
        divider = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(parameter.style, ",")
        return [f"{name}={divider.join(texts)}"]
    return [f"{name}={texts[0]}"]


def header_of(parameter: ParameterInfo, value: Any) -> str:
    """The header's value."""
    text = json.dumps(value) if parameter.as_json else _plain(parameter, value)
    if _has_controls(text):
        raise ToolError(f"The header {parameter.name!r} cannot hold line breaks or control characters.")
    return text


def cookie_of(parameter: ParameterInfo, value: Any) -> str:
    """The cookie, encoded."""
    text = json.dumps(value) if parameter.as_json else _plain(parameter, value)
    return f"{quote(parameter.name, safe='')}={quote(text, safe='')}"


def body_of(body: RequestBodyInfo, value: Any, outgoing: Outgoing) -> None:
    """Put the body into `outgoing`, in its content type."""
    kind = body.content_type.partition(";")[0].strip().lower()
    if is_json(kind):
        outgoing.headers["content-type"] = body.content_type
        outgoing.content = json.dumps(value, ensure_ascii=False).encode()
    elif kind == "application/x-www-form-urlencoded":
        outgoing.headers["content-type"] = kind
        outgoing.content = "&".join(_form(value)).encode()
    elif kind == "multipart/form-data":
        outgoing.files = _files(body, value)
    else:
        outgoing.headers["content-type"] = kind if "*" not in kind else "application/octet-stream"
        outgoing.content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        if kind == "application/octet-stream" or _is_binary(body.schema):
            outgoing.content = _decoded("body", value)


def _form(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        raise ToolError("The body of this operation is a form: give an object of its fields.")
    return [
        f"{quote(str(name), safe='')}={quote(_text(one), safe='')}"
        for name, item in value.items()
        for one in (item if isinstance(item, (list, tuple)) else [item])
    ]


def _files(body: RequestBodyInfo, value: Any) -> list[tuple[str, tuple[str | None, bytes]]]:
    if not isinstance(value, Mapping):
        raise ToolError("The body of this operation is a form: give an object of its fields.")
    members = body.schema.get("properties") or {}
    files: list[tuple[str, tuple[str | None, bytes]]] = []
    for name, item in value.items():
        schema = members.get(name) or {}
        each = schema.get("items") or {} if isinstance(item, (list, tuple)) else schema
        for one in item if isinstance(item, (list, tuple)) else [item]:
            if _is_binary(each):
                files.append((str(name), (str(name), _decoded(str(name), one))))
            else:
                files.append((str(name), (None, _text(one).encode())))
    return files


def _decoded(name: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ToolError(f"{name!r} holds bytes: give them in Base64.") from error


def _is_binary(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (
        schema.get("format") == "binary" or schema.get("contentMediaType") == "application/octet-stream"
    )


def _plain(parameter: ParameterInfo, value: Any) -> str:
    """The "simple" style without encoding."""
    if isinstance(value, Mapping):
        if parameter.explode:
            return ",".join(f"{key}={_text(item)}" for key, item in value.items())
        return ",".join(part for key, item in value.items() for part in (str(key), _text(item)))
    if isinstance(value, (list, tuple)):
        return ",".join(_text(item) for item in value)
    return _text(value)


def _parts(value: Any, safe: str = "") -> tuple[list[tuple[str, str]] | None, list[str]]:
    """An object's members, or the texts of a list or a single value; encoded."""
    if isinstance(value, Mapping):
        return [(quote(str(key), safe=safe), quote(_text(item), safe=safe)) for key, item in value.items()], []
    items = value if isinstance(value, (list, tuple)) else [value]
    return None, [quote(_text(item), safe=safe) for item in items]


def _flat(pairs: list[tuple[str, str]] | None, texts: list[str]) -> list[str]:
    return texts if pairs is None else [part for pair in pairs for part in pair]


def _text(value: Any) -> str:
    """A single value as text, in JSON's spelling."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [_text(part) for pair in value.items() for part in pair]
    return [_text(item) for item in (value if isinstance(value, (list, tuple)) else [value])]


def _has_controls(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)
