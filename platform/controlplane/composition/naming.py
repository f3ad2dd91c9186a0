"""Names that every client takes, made the same way each time.

The model providers behind common clients take `[a-zA-Z0-9_-]{1,64}` as the name of a tool and refuse a whole list for
one that is otherwise. So names are made to fit when an endpoint is published, and stay what they are from then on:
the same components get the same names, whatever the order in which they were made.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit

MAX_NAME = 64
_DIGEST = 6
_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")
_URI = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://(.*)", re.DOTALL)


def why_unfit(name: str) -> str | None:
    """What common clients have against a name; None when nothing."""
    if len(name) > MAX_NAME:
        return f"it has {len(name)} characters, and common clients take at most {MAX_NAME}"
    refused = sorted(set(_REFUSED.findall(name)))
    if refused:
        shown = " ".join(repr(character) for character in refused[:5])
        return f"common clients refuse the characters {shown}"
    return None


def fitted(name: str) -> str:
    """The name itself when it fits. Else refused characters become `_`, and a digest keeps different names apart."""
    if why_unfit(name) is None:
        return name
    readable = _REFUSED.sub("_", name)
    if len(readable) <= MAX_NAME:
        return readable
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{readable[: MAX_NAME - _DIGEST - 1]}_{digest}"


def told_apart(name: str, origin: str) -> str:
    """For a fitted name that another component has as well: the digest of where it comes from is added."""
    digest = hashlib.sha256(origin.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MAX_NAME - _DIGEST - 1]}_{digest}"


def prefixed(word: str, name: str) -> str:
    return f"{word}_{name}"


def prefixed_uri(word: str, uri: str) -> str:
    """`data://x` of `weather` is `data://weather/x`. What has no authority keeps its form behind one of its own."""
    match = _URI.fullmatch(uri)
    if match:
        return f"{match[1]}://{word}/{match[2]}"
    scheme = urlsplit(uri).scheme
    return f"{scheme or 'resource'}://{word}/{uri.partition(':')[2] if scheme else uri}"
