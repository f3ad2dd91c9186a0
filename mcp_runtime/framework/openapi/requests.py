"""A tool's arguments as an HTTP request: every parameter style of OpenAPI, and the body.

A path parameter is one segment whatever it holds: its slashes are encoded, and a value that climbs is refused, for
servers behind proxies decode and shorten paths (FASTMCP 3.1, 3.19).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.openapi.documents import ParameterInfo, RequestBodyInfo, is_json

__all__ = ("Outgoing", "body_of", "cookie_of", "header_of", "path_of", "query_of")

Part = tuple[str, tuple[str | None, bytes] | tuple[str | None, bytes, str]]
"""Of a multipart body: the field's name; file name, content and, where it is said, the content's type."""

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
    files: list[Part] | None = None

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
    if parameter.style == "deepObject" and isinstance(value, Mapping):
        return list(_deep(name, value, safe))
    pairs, texts = _parts(value, safe)
    if pairs is not None:
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
    if not text.isascii():
        raise ToolError(f"The header {parameter.name!r} holds ASCII characters only.")
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
        outgoing.content = "&".join(_form(body, value)).encode()
    elif kind == "multipart/form-data":
        outgoing.files = _files(body, value)
    else:
        outgoing.headers["content-type"] = kind if "*" not in kind else "application/octet-stream"
        outgoing.content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        if kind == "application/octet-stream" or _is_binary(body.schema):
            outgoing.content = _decoded("body", value)


def _form(body: RequestBodyInfo, value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        raise ToolError("The body of this operation is a form: give an object of its fields.")
    return [part for name, item in value.items() for part in _field(str(name), item, body.encoding.get(name))]


def _field(name: str, item: Any, encoding: Any) -> list[str]:
    """In the style that the document gives to this field; else lists repeat it, and objects are written as JSON."""
    if isinstance(encoding, Mapping) and encoding.keys() & {"style", "explode", "allowReserved"}:
        style = str(encoding.get("style") or "form")
        as_parameter = ParameterInfo(
            name=name,
            location="query",
            required=False,
            schema={},
            style=style,
            explode=bool(encoding.get("explode", style == "form")),
            allow_reserved=encoding.get("allowReserved") is True,
        )
        return query_of(as_parameter, item)
    items = item if isinstance(item, (list, tuple)) else [item]
    return [f"{quote(name, safe='')}={quote(_text(one), safe='')}" for one in items]


def _deep(name: str, value: Any, safe: str) -> Iterator[str]:
    """Names in brackets, as deep as it goes. OpenAPI says nothing about what is below the first level; this is how
    the APIs that have it read it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _deep(f"{name}%5B{quote(str(key), safe=safe)}%5D", item, safe)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _deep(f"{name}%5B{index}%5D", item, safe)
    else:
        yield f"{name}={quote(_text(value), safe=safe)}"


def _files(body: RequestBodyInfo, value: Any) -> list[Part]:
    if not isinstance(value, Mapping):
        raise ToolError("The body of this operation is a form: give an object of its fields.")
    members = body.schema.get("properties") or {}
    parts: list[Part] = []
    for name, item in value.items():
        schema = members.get(name) or {}
        each = schema.get("items") or {} if isinstance(item, (list, tuple)) else schema
        parts += [
            (str(name), _part(str(name), one, _is_binary(each), _type_of_part(body, name, one)))
            for one in (item if isinstance(item, (list, tuple)) else [item])
        ]
    return parts


def _part(
    name: str, value: Any, binary: bool, content_type: str | None
) -> tuple[str | None, bytes] | tuple[str | None, bytes, str]:
    file_name, content = (name, _decoded(name, value)) if binary else (None, _text(value).encode())
    return (file_name, content) if content_type is None else (file_name, content, content_type)


def _type_of_part(body: RequestBodyInfo, name: str, value: Any) -> str | None:
    """What the document says, where that is one type; JSON for objects."""
    said = (body.encoding.get(name) or {}).get("contentType")
    if isinstance(said, str) and said and "*" not in said and not _has_controls(said):
        return said.partition(",")[0].strip()
    return "application/json" if isinstance(value, Mapping) else None


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
