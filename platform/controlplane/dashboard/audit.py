"""The audit record: searched page by page, and taken away as a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.utils.http import urlencode

from controlplane.audit import services
from controlplane.audit.exports import AT_ONCE, FORMATS, export
from controlplane.audit.models import Entry
from controlplane.audit.services import Filter
from controlplane.dashboard.pages import PageRequest, page

ON_A_PAGE = 50
_TEXTS = ("action", "actor", "target", "request_id")


@page("audit:read")
def audit(request: PageRequest, tenant: str) -> HttpResponse:
    """Who did what, newest first; `below` is the last entry of the page before."""
    wanted = _wanted(request.GET)
    below = request.GET.get("below", "")[:60]
    found = list(services.entries(_filter(wanted), acting=request.principal, below=below)[: ON_A_PAGE + 1])
    shown = found[:ON_A_PAGE]
    context = {
        "tenant": tenant,
        "rows": [{"entry": entry, "before": _text(entry.before), "after": _text(entry.after)} for entry in shown],
        "wanted": wanted,
        "filtered": urlencode(wanted),
        "below": shown[-1].id if len(found) > ON_A_PAGE else "",
        "most": AT_ONCE,
    }
    return render(request, "dashboard/audit.html", context)


@page("audit:read")
def download(request: PageRequest, tenant: str, form: str) -> HttpResponse:
    """The newest entries that the filters leave, as an attachment; the API exports what is older too."""
    if form not in FORMATS:
        raise Http404
    found: list[Entry] = list(services.entries(_filter(_wanted(request.GET)), acting=request.principal)[:AT_ONCE])
    made = export(found, form)
    headers = {"Content-Disposition": made.disposition, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(made.body, content_type=made.content_type, headers=headers)


def _wanted(query: QueryDict) -> dict[str, str]:
    """What was given; a day that is none is not."""
    texts = {name: query.get(name, "").strip()[:255] for name in _TEXTS}
    days = {name: query.get(name, "") for name in ("since", "until") if _day(query.get(name, "")) is not None}
    return {name: value for name, value in (texts | days).items() if value}


def _filter(wanted: dict[str, str]) -> Filter:
    """`until` is the last day that counts."""
    since, until = _day(wanted.get("since", "")), _day(wanted.get("until", ""))
    texts = {name: wanted.get(name, "") for name in _TEXTS}
    return Filter(**texts, since=since, until=None if until is None else until + timedelta(days=1))


def _day(text: str) -> datetime | None:
    """Its midnight in UTC."""
    try:
        day = parse_date(text)
    except ValueError:  # such as 2026-02-31
        return None
    return None if day is None else datetime.combine(day, time(), UTC)


def _text(state: Any) -> str:
    return "" if state is None else json.dumps(state, indent=2, ensure_ascii=False)
