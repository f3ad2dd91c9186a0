"""One document out of several: what it refers to elsewhere is fetched once, now, and put inside.

Later nothing is fetched. Documents that refer to each other are fetched once each, so circles end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from controlplane.registry.errors import ImportFailed
from controlplane.registry.openapi.reading import MAX_BYTES, read_document

MAX_DOCUMENTS = 50
KEY = "x-stoa-bundled"
"""Where the others are put."""
_VALUES = frozenset({"example", "examples", "default", "enum", "const"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "schemas", "parameters", "responses"})

Fetch = Callable[[str], Awaitable[bytes]]


async def bundled(document: dict[str, Any], *, url: str, fetch: Fetch) -> dict[str, Any]:
    """The document with all that it refers to. It is changed in place. Raises ImportFailed."""
    names = {url: ""}
    others: dict[str, Any] = {}
    pending: list[tuple[dict[str, Any], str]] = [(document, url)]
    size = 0
    while pending:
        current, here = pending.pop()
        for node in list(_references(current)):
            reference = node["$ref"]
            if here == url and reference.startswith("#"):
                continue
            address, fragment = urldefrag(urljoin(here, reference) if here else reference)
            if address not in names:
                _check(reference, address)
                if len(names) > MAX_DOCUMENTS:
                    raise ImportFailed(
                        f"The document refers to more than {MAX_DOCUMENTS} others.",
                        code="bad_reference",
                        hint="Bundle it before it is imported.",
                    )
                data = await fetch(address)
                size += len(data)
                if size > MAX_BYTES:
                    raise ImportFailed(
                        f"What the document refers to is larger than {MAX_BYTES // 1024 // 1024} MB.",
                        code="document_too_large",
                        hint="Bundle only what it needs.",
                    )
                names[address] = f"d{len(names)}"
                others[names[address]] = read_document(data)
                pending.append((others[names[address]], address))
            name = names[address]
            path = fragment if fragment.startswith("/") else ""
            if fragment and not path:
                raise ImportFailed(
                    f"The document refers to '{reference[:200]}'; only paths such as `#/components/…` are followed.",
                    code="bad_reference",
                    hint="Write the reference as a path.",
                )
            node["$ref"] = f"#/{KEY}/{name}{path}" if name else f"#{path}"
    if others:
        document[KEY] = others
    return document


def _check(reference: str, address: str) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ImportFailed(
            f"The document refers to '{reference[:200]}', which is no address.",
            code="bad_reference",
            hint="Import it by its own address, so that relative references have one too, or bundle it.",
        )


def _references(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object that is a reference, but not what merely looks like one in an example."""
    pending: list[tuple[Any, bool]] = [(document, False)]
    while pending:
        node, named = pending.pop()
        if isinstance(node, list):
            pending.extend((item, False) for item in node)
        elif isinstance(node, dict):
            if not named and isinstance(node.get("$ref"), str):
                yield node
            pending.extend(
                (value, not named and key in _NAMED)
                for key, value in node.items()
                if named or (key not in _VALUES and key != KEY)
            )
