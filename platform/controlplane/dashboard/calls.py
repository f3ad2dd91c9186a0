"""Pages of what was called: the last hour, and the record."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode

from controlplane.calls import services
from controlplane.calls.services import FILTERS, Minute
from controlplane.dashboard.pages import PageRequest, page

ON_A_PAGE = 50
LATEST = 10
HEIGHT = 100
"""Of the chart, in its own units; a minute is 10 wide."""


@page("calls:read")
def overview(request: PageRequest, tenant: str) -> HttpResponse:
    hour = services.overview(acting=request.principal)
    context = {
        "tenant": tenant,
        "hour": hour,
        "bars": bars(hour.minutes),
        "height": HEIGHT,
        "failing": round(100 * hour.failed / hour.calls, 1) if hour.calls else None,
        "calls": services.calls({}, limit=LATEST, acting=request.principal),
    }
    return render(request, "dashboard/overview.html", context)


@page("calls:read")
def calls(request: PageRequest, tenant: str) -> HttpResponse:
    wanted = {key: value for key in FILTERS if (value := request.GET.get(key, "").strip()[:2_048])}
    before = request.GET.get("before", "")
    before_id = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    found = services.calls(wanted, before=before_id, limit=ON_A_PAGE + 1, acting=request.principal)
    shown = found[:ON_A_PAGE]
    context = {
        "tenant": tenant,
        "calls": shown,
        "wanted": wanted,
        "filtered": urlencode(wanted),
        "live": "" if before_id is not None else f"/live/{tenant}/calls",
        "after": shown[0].id if shown else 0,
        "before": shown[-1].id if len(found) > ON_A_PAGE else None,
    }
    return render(request, "dashboard/calls.html", context)


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of the chart, in its units."""

    x: int
    good: float
    failed: float
    label: str

    @property
    def good_y(self) -> float:
        return HEIGHT - self.good - self.failed

    @property
    def failed_y(self) -> float:
        return HEIGHT - self.failed


def bars(minutes: tuple[Minute, ...]) -> list[Bar]:
    unit = HEIGHT / max(1, *(one.calls for one in minutes))
    return [
        Bar(
            x=10 * place,
            good=round((one.calls - one.failed) * unit, 2),
            failed=round(one.failed * unit, 2),
            label=f"{one.at:%H:%M} UTC: {one.calls} calls, {one.failed} failed",
        )
        for place, one in enumerate(minutes)
    ]
