"""Pages of calls that go on in the background: all of them, and one with what it logged."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode

from controlplane.dashboard.pages import PageRequest, done, page, told
from controlplane.tasks import services
from controlplane.tasks.models import Task
from controlplane.tasks.services import FILTERS, UNFINISHED, TaskNotFoundError, TaskNotOverError
from mcp_runtime.ports.tasks import TaskLimit
from tenants.identifiers import is_id
from tenants.roles import permits

ON_A_PAGE = 50


@page("calls:read")
def tasks(request: PageRequest, tenant: str) -> HttpResponse:
    wanted = {key: value for key in FILTERS if (value := request.GET.get(key, "").strip()[:2_048])}
    before = request.GET.get("before", "")
    before = before if is_id(before, "tsk") else ""
    found = services.tasks(wanted, before=before, limit=ON_A_PAGE + 1, acting=request.principal)
    shown = found[:ON_A_PAGE]
    context = {
        "tenant": tenant,
        "tasks": shown,
        "wanted": wanted,
        "filtered": urlencode(wanted),
        "states": [*Task.State.values, UNFINISHED],
        "live": not before,
        "before": shown[-1].id if len(found) > ON_A_PAGE else None,
    }
    return render(request, "dashboard/tasks.html", context)


@page("calls:read", write="endpoints:write")
def task(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """POST cancels it, or does it once more."""
    try:
        if request.method == "POST" and request.POST.get("do") == "retry":
            made = services.retry(name, acting=request.principal)
            return done(request, "Queued once more, as a task of its own.", "task", tenant=tenant, name=made.id)
        if request.method == "POST":
            services.cancel(name, acting=request.principal)
            return done(request, "The task is over.", "task", tenant=tenant, name=name)
        found = services.task(name, acting=request.principal)
    except TaskNotFoundError as error:
        raise Http404 from error
    except (TaskNotOverError, TaskLimit) as error:
        messages.error(request, told(error))
        return redirect("task", tenant=tenant, name=name)
    context = {
        "tenant": tenant,
        "task": found,
        "log": [(one.level, bytes(one.data).decode()) for one in services.log_of(found, acting=request.principal)],
        "may_change": permits(request.principal, "endpoints:write"),
    }
    return render(request, "dashboard/task.html", context)
