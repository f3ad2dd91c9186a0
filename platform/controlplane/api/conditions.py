"""ETags of what is read, and If-Match for who changes it (RFC 9110 section 13): nobody undoes what they never saw.

The tag of a resource is a digest of what GET answers, so every route that can be read has one. A view that gives a tag
of its own, as drafts do, judges it itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from django.db import connection
from django.http import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_CHANGING = ("PUT", "PATCH", "DELETE")


class ResourceChanged(Exception):
    def __init__(self) -> None:
        super().__init__("The resource is not as it was when its ETag was read.")


def tagged(request: Request, response: HttpResponseBase) -> HttpResponseBase:
    """The answer with its tag; without its body for who has it already."""
    if request.method != "GET" or response.status_code != 200 or not isinstance(response, Response):
        return response
    if "ETag" not in response.headers:
        response.headers["ETag"] = f'"{_digest(response)}"'
    tag = str(response.headers["ETag"])
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or tag.strip('"') in _TAG.findall(known):
        return Response(status=304, headers={"ETag": tag})
    return response


def check(request: Request, read: Callable[[], HttpResponseBase] | None) -> None:
    """Inside the transaction of the change, which then has the resource for itself. Raises ResourceChanged."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*" or request.method not in _CHANGING or read is None:
        return
    with connection.cursor() as cursor:  # who comes second with the same tag has to see what the first one did
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [request.path])
    current = read()
    if isinstance(current, Response) and "ETag" not in current.headers and _digest(current) not in _TAG.findall(wanted):
        raise ResourceChanged


def _digest(response: Response) -> str:
    return hashlib.sha256(JSONRenderer().render(response.data)).hexdigest()[:32]
