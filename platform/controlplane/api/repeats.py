"""Idempotency-Key: a POST that is sent again is not done again; its answer is.

What is done and its answer commit together, so a caller who heard nothing can always ask again with the same key. Of
two at once the second waits for the first. A request that failed did nothing, and may be corrected and sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.models import RepeatableAnswer
from tenants.context import require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal

KEPT: Final = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class BadIdempotencyKey(Exception):
    def __init__(self) -> None:
        super().__init__("An Idempotency-Key has 1 to 255 visible ASCII characters.")


class IdempotencyKeyReused(Exception):
    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request before.")


def once(request: Request, acting: Principal, do: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """What `do` answers, or answered before. Inside the tenant's transaction. Raises the two above."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return do()
    if not _KEY.fullmatch(key):
        raise BadIdempotencyKey
    digest = _digest(json.dumps([acting.identity, request.path, key]).encode())
    asked = _digest(request.get_full_path().encode(), request.content_type.encode(), _body(request))
    RepeatableAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    row = RepeatableAnswer(
        id=new_id("rpt"), tenant_id=require_tenant_id("Answers"), key_digest=digest, request_digest=asked
    )
    row.seal(b"null")
    try:
        with transaction.atomic():
            row.save()  # waits here for whoever came first with this key
    except IntegrityError:
        return _again(RepeatableAnswer.objects.get(key_digest=digest), asked)
    response = do()
    row.status = response.status_code
    row.seal(json.dumps(getattr(response, "data", None), default=str).encode())
    row.save()
    return response


def _again(row: RepeatableAnswer, asked: bytes) -> Response:
    if bytes(row.request_digest) != asked:
        raise IdempotencyKeyReused
    data: Any = json.loads(row.unseal())
    return Response(data, status=row.status, headers={"Idempotency-Replayed": "true"})


def _body(request: Request) -> bytes:
    """Of an upload its length: it may be too large to be held, and a deploy of the same file is no second deploy."""
    if request.content_type.startswith("multipart/"):
        return str(request.headers.get("content-length", "")).encode()
    return json.dumps(request.data, sort_keys=True, default=str).encode()


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).digest()
