"""From the bytes of a document to plain values, bounded: whoever wrote them is a stranger."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from controlplane.registry.errors import ImportFailed
from controlplane.registry.openapi import yaml_values

MAX_BYTES = 16 * 1024 * 1024
MAX_YAML_BYTES = 6 * 1024 * 1024
"""It is read fifty times slower than JSON."""


def read_document(data: bytes) -> dict[str, Any]:
    """Of JSON or YAML. Raises ImportFailed."""
    if len(data) > MAX_BYTES:
        raise ImportFailed(
            f"The document is larger than {MAX_BYTES // 1024 // 1024} MB.",
            code="document_too_large",
            hint="Split it, or leave out examples.",
        )
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    value = _json(text) if text.startswith((b"{", b"[")) else _yaml(text)
    if not isinstance(value, dict):
        raise ImportFailed("The document is no object.", code="bad_document", hint="It begins with `openapi: 3.1.0`.")
    return value


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if text.startswith(b"{") and len(text) <= MAX_YAML_BYTES:
            return _yaml(text, otherwise=str(error))  # YAML can begin with a brace too
        message = f"The document is not JSON: {error}"
        raise ImportFailed(message, code="bad_document", hint="Check its syntax.") from None
    except RecursionError:
        raise _too_deep() from None


def _yaml(text: bytes, *, otherwise: str = "") -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise ImportFailed(
            f"The document is YAML of more than {MAX_YAML_BYTES // 1024 // 1024} MB.",
            code="document_too_large",
            hint="Give it as JSON, which may be longer.",
        )
    try:
        return yaml_values.load(text)
    except yaml_values.TooLarge:
        raise ImportFailed(
            f"The document holds more than {yaml_values.MAX_VALUES} values, those of its aliases among them.",
            code="document_too_large",
            hint="Write repeated parts as `$ref`.",
        ) from None
    except yaml_values.TooDeep:
        raise _too_deep() from None
    except (yaml.YAMLError, ValueError) as error:
        said = otherwise or " ".join(str(error).split())[:300]
        raise ImportFailed(
            f"The document is neither JSON nor YAML: {said}", code="bad_document", hint="Check its syntax."
        ) from None


def _too_deep() -> ImportFailed:
    return ImportFailed("The document nests too deeply.", code="document_too_deep", hint="Use `$ref` for its parts.")
