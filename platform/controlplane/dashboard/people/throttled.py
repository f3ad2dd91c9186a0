"""The answer to who tries a form too often."""

from __future__ import annotations

import logging
from math import ceil

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from controlplane.accounts import throttling
from controlplane.accounts.throttling import Gate

log = logging.getLogger(__name__)


def too_many(request: HttpRequest, account: str, gate: Gate) -> HttpResponse | None:
    """Count an attempt; a page that says how long to wait when there were too many."""
    wait = throttling.take(account[:254], place_of(request), gate=gate)
    if wait is None:
        return None
    log.warning("Refused at the form %r: too many attempts.", gate.name)
    seconds = ceil(wait.total_seconds())
    answer = render(request, "people/too_many.html", {"minutes": ceil(seconds / 60)}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


def place_of(request: HttpRequest) -> str:
    """Behind a proxy, uvicorn puts the client's own address here when it is told which proxies to trust."""
    return str(request.META.get("REMOTE_ADDR", ""))
