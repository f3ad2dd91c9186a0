"""Pages that register what is no Python: a server that runs elsewhere, an API by its OpenAPI document, a static one.

They wait for other people's servers, so no transaction is open meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from controlplane.composition.errors import CompositionError
from controlplane.connections import probing, upstreams
from controlplane.connections.errors import ConnectionsError
from controlplane.dashboard.pages import PageRequest, done, page, told
from controlplane.registry import remotes, services
from controlplane.registry.errors import BuildFailure, RegistryError
from controlplane.registry.models import Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.openapi.settings import read_settings
from controlplane.registry.source import CREDENTIAL, Source, TransportName, checked, read_source
from controlplane.registry.static import services as statics
from controlplane.registry.static.document import read_document
from controlplane.vault import services as vault
from controlplane.vault.services import InvalidSecretError
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for
from tenants.identifiers import SLUG_RULE
from tenants.principal import Principal
from tenants.quotas import QuotaExceededError
from tenants.roles import require

MAX_DOCUMENT = 2_000_000
"""Characters that one can paste."""
TRANSPORTS: Final[tuple[TransportName, ...]] = ("auto", "streamable-http", "sse")
_TOLD = (RegistryError, BuildFailure, ConnectionsError, CompositionError, InvalidSecretError, QuotaExceededError)


@page("servers:write", write="servers:write", waits=True)
def add_elsewhere(request: PageRequest, tenant: str, kind: str) -> HttpResponse:
    """GET is the form of a kind, POST saves it: what was entered stays on the page when it cannot be."""
    save = KINDS.get(kind)
    if save is None:
        raise Http404
    name = request.POST.get("name", "").strip()
    context: dict[str, Any] = {
        "tenant": tenant,
        "kind": kind,
        "entered": request.POST or _saved(request, kind),
        "transports": TRANSPORTS,
        "rule": SLUG_RULE,
        "most": MAX_DOCUMENT,
    }
    if request.method != "POST":
        return render(request, "dashboard/add_elsewhere.html", context)
    try:
        save(name, request.POST, request.principal, tenant=tenant)
    except _TOLD as error:
        return render(request, "dashboard/add_elsewhere.html", {**context, "problem": told(error)}, status=422)
    if kind == "login":
        return done(request, f"Log in to {name}, then ask what it offers.", "connections", tenant=tenant)
    return done(request, f"{name} is there: this is what it offers.", "server", tenant=tenant, name=name)


@page("servers:write", write="servers:write", waits=True, back="server")
def refresh(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """Ask a saved one what it offers now."""
    acting = request.principal
    with acting_for(acting.tenant):
        server = services.find_server(name)
    try:
        changed = (_synced if server.kind == Server.Kind.OPENAPI else _probed_again)(server, acting)
    except _TOLD as error:
        messages.error(request, told(error))
        return redirect("server", tenant=tenant, name=server.slug)
    message = "It offers something else now: there is a new revision." if changed else "It offers the same as before."
    return done(request, message, "server", tenant=tenant, name=server.slug)


def _saved(request: PageRequest, kind: str) -> dict[str, str]:
    """What the form begins with: how the server of that name is saved, where it is of the kind."""
    name = request.GET.get("name", "")[:50]
    begun = {"name": name}
    with acting_for(request.principal.tenant):
        server = services.servers().filter(slug=name).first()
        if server is None or server.current_revision is None:
            return begun
        match kind, server.kind:
            case "remote", Server.Kind.REMOTE:
                source = read_source(server.current_revision.source)
                return begun | {"url": source.url, "transport": source.transport}
            case "api", Server.Kind.OPENAPI:
                said, _ = apis.settings_of(server)
                return begun | {"url": said.url, "base_url": said.base_url}
            case "static", Server.Kind.STATIC:
                return begun | {"document": json.dumps(statics.document_of(server), indent=2, ensure_ascii=False)}
    return begun


def _remote(name: str, form: QueryDict, acting: Principal, **unused: str) -> None:
    secret, transport = form.get("credential") or None, form.get("transport", "auto")
    if transport not in TRANSPORTS:
        raise Http404
    header, scheme = (form.get("header", ""), form.get("scheme", "")) if secret else (None, "")
    source = Source(url=form.get("url", "").strip(), transport=transport, header=header, scheme=scheme)
    if secret is not None:
        require(acting, "secrets:write")
        found = probing.probed(name, source, secret, acting=acting)
    else:
        found = probing.probed(name, *_with_credential(name, source, acting), acting=acting)
    with acting_for(acting.tenant):
        if secret is not None:
            server = services.registered(name, kind=Server.Kind.REMOTE, acting=acting)
            vault.set_secret(server.id, CREDENTIAL, secret, acting=acting)
        remotes.save(name, found, acting=acting)


def _with_credential(name: str, source: Source, acting: Principal) -> tuple[Source, str | None]:
    """The one that is kept for the server, as long as it goes where it went: nobody sends it elsewhere from here."""
    with acting_for(acting.tenant):
        server = services.servers().filter(slug=name, kind=Server.Kind.REMOTE).first()
        if server is None or server.current_revision is None:
            return source, None
        before = read_source(server.current_revision.source)
    if before.header is None or before.url != source.url:
        return source, None
    kept = msgspec.structs.replace(source, header=before.header, scheme=before.scheme)
    return kept, vault.environment(acting.tenant, server.id).get(CREDENTIAL)


def _probed_again(server: Server, acting: Principal) -> bool:
    found = probing.probed_again(server.slug, acting=acting)
    with acting_for(acting.tenant):
        return remotes.save(server.slug, found, acting=acting, always=False)[1]


def _openapi(name: str, form: QueryDict, acting: Principal, **unused: str) -> None:
    document = form.get("document", "")[:MAX_DOCUMENT]
    entered = {"url": form.get("url", "").strip(), "base_url": form.get("base_url", "").strip()}
    given, said = document.encode() if document.strip() else None, {}
    with acting_for(acting.tenant):
        server = services.servers().filter(slug=name, kind=Server.Kind.OPENAPI).first()
        if server is not None and server.current_revision is not None:
            said = apis.plain_settings(apis.settings_of(server)[0])
            if given is None and not entered["url"]:
                given = apis.stored_document(server, Store(settings.STOA_STORE))
    wanted = read_settings(said | entered)  # what the form does not ask for stays
    looked = async_to_sync(apis.looked_at)(wanted, given, networks=settings.STOA_FETCH_NETWORKS)
    with acting_for(acting.tenant):
        apis.save(name, looked, Store(settings.STOA_STORE), acting=acting, always=True)


def _synced(server: Server, acting: Principal) -> bool:
    with acting_for(acting.tenant):
        said, pinned = apis.settings_of(server)
    if not said.url:
        raise Uploaded(server.slug)
    looked = async_to_sync(apis.looked_at)(said, None, networks=settings.STOA_FETCH_NETWORKS, pinned=pinned)
    with acting_for(acting.tenant):
        return apis.save(server.slug, looked, Store(settings.STOA_STORE), acting=acting, always=False)[1]


def _static(name: str, form: QueryDict, acting: Principal, **unused: str) -> None:
    try:
        document = json.loads(form.get("document", "")[:MAX_DOCUMENT])
    except ValueError as error:
        raise NotADocument(str(error)) from error
    with acting_for(acting.tenant):
        statics.save(name, read_document(document), acting=acting)


def _login(name: str, form: QueryDict, acting: Principal, *, tenant: str) -> None:
    """How callers of a server elsewhere log in there: found out, and registered with."""
    url, given = form.get("url", "").strip(), form.get("client_secret", "")
    if given:
        require(acting, "secrets:write")
    checked(Source(url=url))
    guard, client, scope = async_to_sync(upstreams.find_out)(
        url,
        tenant=tenant,
        client_id=form.get("client_id", "").strip(),
        client_secret=given,
        scope=form.get("scope", "").strip(),
    )
    with acting_for(acting.tenant):
        server = services.registered(name, kind=Server.Kind.REMOTE, acting=acting)
        upstreams.save(server.id, url, guard, client, scope, shared="shared" in form, acting=acting)


class Uploaded(RegistryError):
    code = "no_document"
    hint = "Change it, with the document as it is now."

    def __init__(self, slug: str) -> None:
        super().__init__(f"The document of '{slug}' was pasted: there is no address to fetch it from.")


class NotADocument(RegistryError):
    code = "not_a_document"
    hint = "A static server is a JSON object with resources, prompts or tools."

    def __init__(self, why: str) -> None:
        super().__init__(f"The document is not JSON: {why}.")


KINDS: Final[dict[str, Callable[..., None]]] = {
    "remote": _remote,
    "login": _login,
    "api": _openapi,
    "static": _static,
}
