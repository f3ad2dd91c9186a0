"""Pages of endpoints: what they are made of, exactly what clients see, drafts, history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpResponse
from django.shortcuts import redirect, render

from controlplane.composition import drafts, history, publishing, services
from controlplane.composition.compiler import Compiled
from controlplane.composition.document import Composition, MemberSpec, read, write
from controlplane.composition.errors import CompositionError, InvalidComposition
from controlplane.composition.models import Endpoint
from controlplane.composition.services import endpoint_url
from controlplane.dashboard.pages import PageRequest, done, page, told
from controlplane.registry import services as registry
from mcp_runtime.ports.workers import KEYS
from tenants.identifiers import SLUG_RULE
from tenants.roles import permits

ON_A_PAGE = 50
CHARACTERS_OF_A_TOKEN = 4
"""Of English text and JSON, roughly. Clients count by their own model's rule."""


@page("endpoints:read", write="endpoints:write")
def endpoints(request: PageRequest, tenant: str) -> HttpResponse:
    """By name, a page at a time. POST makes an empty one: on to its page."""
    if request.method == "POST":
        made = services.create_endpoint(request.POST.get("name", "").strip(), services.EMPTY, acting=request.principal)
        return done(
            request, f"{made.slug} is there. Add members, then publish it.", "endpoint", tenant=tenant, name=made.slug
        )
    wanted, after = request.GET.get("q", "").strip()[:100], request.GET.get("after", "")[:100]
    matching = services.endpoints().filter(slug__gt=after).order_by("slug")
    found = list((matching.filter(slug__icontains=wanted) if wanted else matching)[: ON_A_PAGE + 1])
    shown = found[:ON_A_PAGE]
    context = {
        "tenant": tenant,
        "rows": [{"endpoint": one, "url": endpoint_url(tenant, one.slug)} for one in shown],
        "q": wanted,
        "after": shown[-1].slug if len(found) > ON_A_PAGE else "",
        "rule": SLUG_RULE,
        "may_write": permits(request.principal, "endpoints:write"),
    }
    return render(request, "dashboard/endpoints.html", context)


@page("endpoints:read", write="endpoints:write")
def endpoint(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """The list is the compiler's own, of the draft where there is one."""
    found = services.find_endpoint(name)
    if request.method == "POST":
        if request.POST.get("do") == "save":
            return _saved(request, tenant, found)
        return _changed(request, tenant, found)
    return _shown(request, tenant, found)


@page("endpoints:read")
def version(request: PageRequest, tenant: str, name: str, number: int) -> HttpResponse:
    """One published version, and what clients found different in it."""
    found = history.find_version(services.find_endpoint(name), number)
    before = history.version_before(found)
    context = {
        "tenant": tenant,
        "version": found,
        "before": before,
        "changes": history.changes(before.document if before else None, found.document),
        "current": found.endpoint.published_id == found.id,
        "may_write": permits(request.principal, "endpoints:write"),
    }
    return render(request, "dashboard/version.html", context)


@dataclass(frozen=True, slots=True)
class Shown:
    """A component as clients see it."""

    name: str
    server: str
    upstream_name: str
    description: str
    definition: str
    """As JSON, for who wants to see it all."""
    tokens: int
    """What it takes of a model's context, roughly."""


def _shown(
    request: PageRequest, tenant: str, found: Endpoint, *, problem: str = "", entered: str | None = None
) -> HttpResponse:
    composition = services.drafted(found)
    compiled = publishing.preview(found)
    components = {kind: _components(compiled, kind) for kind in KEYS}
    members = {member.server for member in composition.members}
    may_write = permits(request.principal, "endpoints:write")
    context = {
        "tenant": tenant,
        "endpoint": found,
        "url": endpoint_url(tenant, found.slug),
        "members": composition.members,
        "components": [(kind.replace("_", " "), shown) for kind, shown in components.items() if shown],
        "tokens": sum(one.tokens for one in components["tools"]),
        "findings": compiled.findings,
        "held": publishing.held(found) if services.composed(found).changes == "hold" else (),
        "can_publish": may_write and compiled.plan is not None and bool(compiled.plan.members),
        "document": entered if entered is not None else json.dumps(write(composition), indent=2, ensure_ascii=False),
        "problem": problem,
        "versions": history.versions_of(found),
        "others": [one.slug for one in registry.servers() if one.slug not in members] if may_write else [],
        "may_write": may_write,
    }
    return render(request, "dashboard/endpoint.html", context, status=422 if problem else 200)


def _components(compiled: Compiled, kind: str) -> list[Shown]:
    if compiled.plan is None:
        return []
    shown = []
    for one in getattr(compiled.plan, kind):
        definition = json.dumps(one.definition, indent=2, ensure_ascii=False)
        shown.append(
            Shown(
                name=str(one.definition[KEYS[kind]]),
                server=compiled.members[one.member].slug,
                upstream_name=one.upstream_name,
                description=str(one.definition.get("description") or ""),
                definition=definition,
                tokens=len(json.dumps(one.definition, ensure_ascii=False)) // CHARACTERS_OF_A_TOKEN,
            )
        )
    return shown


def _saved(request: PageRequest, tenant: str, found: Endpoint) -> HttpResponse:
    """The draft as it was typed. What cannot be read stays in its field, with the place of the fault."""
    entered = request.POST.get("document", "")
    try:
        composition = read(_json(entered))
        drafts.save(found, composition, read_as=_read_as(request), acting=request.principal)
    except InvalidComposition as error:
        return _shown(request, tenant, found, problem=f"{error.where}: {told(error)}", entered=entered)
    except CompositionError as error:
        return _shown(request, tenant, found, problem=told(error), entered=entered)
    return done(
        request, "The draft is saved. Clients see it once it is published.", "endpoint", tenant=tenant, name=found.slug
    )


def _changed(request: PageRequest, tenant: str, found: Endpoint) -> HttpResponse:
    """What the button that was pressed says."""
    acting, read_as = request.principal, _read_as(request)
    here: dict[str, Any] = {"tenant": tenant, "name": found.slug}
    match request.POST.get("do"):
        case "add":
            server = registry.find_server(request.POST.get("server", "")).slug
            drafts.save(found, _with(services.drafted(found), server), read_as=read_as, acting=acting)
            return done(request, f"{server} is in the draft.", "endpoint", **here)
        case "remove":
            server = request.POST.get("server", "")
            drafts.save(found, _without(services.drafted(found), server), read_as=read_as, acting=acting)
            return done(request, f"{server} is no longer in the draft.", "endpoint", **here)
        case "discard":
            drafts.discard(found, read_as=read_as, acting=acting)
            return done(request, "The draft is gone.", "endpoint", **here)
        case "approve" | "refuse" as how:
            chosen = request.POST.getlist("held")
            decided = publishing.decide(found, chosen, approve=how == "approve", acting=acting)
            said = {"approve": "Approved.", "refuse": "Refused."}[how] if chosen else "Nothing was chosen."
            served = f" Version {decided.number} is served now." if decided else ""
            return done(request, said + served, "endpoint", **here)
        case "publish":
            note = request.POST.get("note", "").strip()[:500]
            made = publishing.publish(found, read_as=read_as, note=note, acting=acting)
            return done(request, f"Version {made.number} is served now.", "endpoint", **here)
        case "restore":
            number = request.POST.get("version", "")
            made = publishing.roll_back(found, to=int(number) if number.isdigit() else None, acting=acting)
            return done(request, f"Served as before, as version {made.number}.", "endpoint", **here)
        case "clone":
            made_endpoint = services.clone(found, request.POST.get("name", "").strip(), acting=acting)
            return done(
                request,
                f"{made_endpoint.slug} has a draft like it.",
                "endpoint",
                tenant=tenant,
                name=made_endpoint.slug,
            )
        case _:
            return redirect("endpoint", **here)


def _with(composition: Composition, server: str) -> Composition:
    members = (*(one for one in composition.members if one.server != server), MemberSpec(server))
    return msgspec.structs.replace(composition, members=members)


def _without(composition: Composition, server: str) -> Composition:
    return msgspec.structs.replace(
        composition, members=tuple(one for one in composition.members if one.server != server)
    )


def _read_as(request: PageRequest) -> int | None:
    """The state of the draft that the page was made from: a change of someone else's in between is not undone."""
    number = request.POST.get("draft_number", "")
    return int(number) if number.isdigit() else None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidComposition(f"This is no JSON: {error}.", "$") from None
