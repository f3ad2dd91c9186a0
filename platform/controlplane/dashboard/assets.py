"""The dashboard's own few files: served from memory, under an address that changes when they do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    content: bytes
    digest: str
    content_type: str

    @property
    def url(self) -> str:
        return f"/assets/{self.digest}/{self.name}"


@cache
def assets() -> dict[str, Asset]:
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[path.name] = Asset(path.name, content, digest, _TYPES[path.suffix])
    return found


@require_safe
def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """An old digest is not found: its page was made by another version, and reloading gives the right one."""
    wanted = assets().get(name)
    if wanted is None or wanted.digest != digest:
        raise Http404
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(wanted.content, content_type=wanted.content_type, headers=headers)
