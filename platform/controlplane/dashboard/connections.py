"""The page of accounts elsewhere: which servers ask for a log-in, and whether one is connected."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from controlplane.connections import logins, upstreams
from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.registry.services import find_server, servers
from tenants.roles import permits

ON_A_PAGE = 50


@page("mcp:call", write="mcp:call")
def connections(request: PageRequest, tenant: str) -> HttpResponse:
    """By server, a page at a time. POST keeps a token that the upstream gave, or forgets the log-in."""
    if request.method == "POST":
        server = find_server(request.POST.get("server", ""))
        if request.POST.get("do") == "forget":
            upstreams.remove(server.id, acting=request.principal)
            return done(request, f"Nobody logs in at {server.slug} any more.", "connections", tenant=tenant)
        logins.set_token(server.id, request.POST.get("token", ""), acting=request.principal)
        return done(request, f"Connected to {server.slug}.", "connections", tenant=tenant)
    after = request.GET.get("after", "")[:100]
    places = upstreams.upstreams_by_server()
    found = list(servers().filter(pk__in=places, slug__gt=after).order_by("slug")[: ON_A_PAGE + 1])
    shown = found[:ON_A_PAGE]
    own = logins.connections_of([one.id for one in shown], acting=request.principal)
    context = {
        "tenant": tenant,
        "rows": [{"server": one, "upstream": places[one.id], "connection": own.get(one.id)} for one in shown],
        "after": shown[-1].slug if len(found) > ON_A_PAGE else "",
        "may_share": permits(request.principal, "secrets:write"),
    }
    return render(request, "dashboard/connections.html", context)
