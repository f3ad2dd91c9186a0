"""A build's log as server-sent events. Django's own asynchronous view: a stream holds no thread while it waits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from controlplane.api.access import caller_of, principal_in
from controlplane.api.problems import problem_of
from controlplane.api.serializers import RevisionSerializer
from controlplane.registry import services
from controlplane.registry.models import BuildLogLine
from controlplane.registry.watching import Ended, watch
from tenants.context import acting_for, in_thread
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

PERMISSION = "servers:read"


@require_GET
async def revision_log(request: HttpRequest, tenant: str, revision: str) -> HttpResponseBase:
    """`event: line` for each line, `event: end` with the revision at the end.

    Behind a lost connection a client continues with `Last-Event-ID`: each line's id is its number.
    """
    request_id = new_id("req")
    try:
        principal = await in_thread(_admit, request, tenant, revision)
    except Exception as error:  # noqa: BLE001  problem_of masks and logs what it does not know
        return problem_of(error, request_id).response(request_id)
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 8 else 0
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Request-Id": request_id}
    return StreamingHttpResponse(
        _events(principal, tenant, revision, after), content_type="text/event-stream", headers=headers
    )


def _admit(request: HttpRequest, tenant: str, revision: str) -> Principal:
    principal = principal_in(caller_of(request), tenant)
    require(principal, PERMISSION)
    with acting_for(principal.tenant):
        services.find_revision(revision)
    return principal


async def _events(principal: Principal, tenant: str, revision: str, after: int) -> AsyncIterator[bytes]:
    yield b": the log of " + revision.encode() + b"\n\n"
    async for news in watch(principal.tenant, revision, after=after):
        if isinstance(news, BuildLogLine):
            yield _event("line", news.as_json(), id=news.seq)
        elif isinstance(news, Ended):
            yield _event("end", RevisionSerializer(news.revision, context={"tenant": tenant}).data)
        else:
            yield b": still building\n\n"


def _event(name: str, data: Any, *, id: int | None = None) -> bytes:
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
