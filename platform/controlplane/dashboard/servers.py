"""Pages of servers and their revisions: list, deploy, what is offered, what it may reach, secrets, rollback."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from controlplane.composition.services import endpoint_url
from controlplane.dashboard.differences import differences
from controlplane.dashboard.pages import PageRequest, done, page, told
from controlplane.registry import launching, remotes, services
from controlplane.registry.errors import RegistryError
from controlplane.registry.models import Server
from controlplane.vault import services as vault
from mcp_runtime.sandbox.bundle import BundleError
from mcp_runtime.sandbox.store import Store
from tenants.identifiers import SLUG_RULE
from tenants.roles import permits

ON_A_PAGE = 50
SHOWN_LINES = 500
MAX_CODE = 1_000_000
"""Characters that one can paste. A larger server is a file."""
ELSEWHERE: Final = (Server.Kind.REMOTE, Server.Kind.OPENAPI)
"""Kinds that can be asked again what they offer."""
_FORMS: Final[dict[str, str]] = {Server.Kind.REMOTE: "remote", Server.Kind.OPENAPI: "api", Server.Kind.STATIC: "static"}


@page("servers:read")
def servers(request: PageRequest, tenant: str) -> HttpResponse:
    """By name, a page at a time; `q` is part of a name, `after` the last name of the page before."""
    wanted, after = request.GET.get("q", "").strip()[:100], request.GET.get("after", "")[:100]
    found = _matching(wanted).filter(slug__gt=after)[: ON_A_PAGE + 1]
    shown = list(found)[:ON_A_PAGE]
    newest = services.newest_revisions(shown)
    rows = [{"server": one, "newest": newest.get(one.id), "url": endpoint_url(tenant, one.slug)} for one in shown]
    context = {
        "tenant": tenant,
        "rows": rows,
        "q": wanted,
        "after": shown[-1].slug if len(found) > ON_A_PAGE else "",
        "may_write": permits(request.principal, "servers:write"),
    }
    return render(request, "dashboard/servers.html", context)


@page("servers:write", write="servers:write")
def add(request: PageRequest, tenant: str) -> HttpResponse:
    """A file, a zip or pasted Python becomes a server: on to the log of its build."""
    name = request.POST.get("name", request.GET.get("name", "")).strip()[:50]
    entered = {"name": name, **{field: request.POST.get(field, "") for field in ("code", "command")}}
    context: dict[str, Any] = {"tenant": tenant, "entered": entered, "rule": SLUG_RULE, "most": MAX_CODE}
    if request.method != "POST":
        return render(request, "dashboard/add_server.html", context)
    try:
        revision = _deploy(request, entered["name"], *_source(request, entered["code"], entered["command"].strip()))
    except (RegistryError, BundleError) as error:  # what was pasted stays on the page
        return render(request, "dashboard/add_server.html", {**context, "problem": told(error)}, status=422)
    return redirect("revision", tenant=tenant, revision=revision.id)


@page("servers:read", write="servers:write")
def server(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    found = services.find_server(name)
    if request.method == "POST":
        return _changed(request, tenant, found)
    current = found.current_revision
    context = {
        "tenant": tenant,
        "server": found,
        "offers": current.manifest if current else None,
        "revisions": services.revisions_of(found),
        "url": endpoint_url(tenant, found.slug),
        "secrets": _secrets(request, found),
        "may_write": permits(request.principal, "servers:write"),
        "may_write_secrets": permits(request.principal, "secrets:write"),
        "elsewhere": ELSEWHERE,
        "change_url": _change_url(tenant, found),
    }
    return render(request, "dashboard/server.html", context)


def _change_url(tenant: str, found: Server) -> str:
    """The form that made it; empty for code, which is deployed."""
    kind = _FORMS.get(found.kind)
    if kind is None:
        return ""
    return f"{reverse('add_elsewhere', kwargs={'tenant': tenant, 'kind': kind})}?{urlencode({'name': found.slug})}"


@page("servers:read")
def revision(request: PageRequest, tenant: str, revision: str) -> HttpResponse:
    """The build log so far is in the page; what follows comes over a WebSocket."""
    found = services.find_revision(revision)
    lines = services.log_lines(found.id, limit=SHOWN_LINES)
    before = services.built_before(found) if found.manifest else None
    context = {
        "tenant": tenant,
        "revision": found,
        "lines": lines,
        "last": lines[-1].seq if lines else 0,
        "more": len(lines) == SHOWN_LINES,
        "live": f"/live/{tenant}/revisions/{found.id}/log",
        "url": endpoint_url(tenant, found.server.slug),
        "offers": found.manifest,
        "before": before,
        "differences": differences(before.manifest or {}, found.manifest or {}) if before else [],
    }
    return render(request, "dashboard/revision.html", context)


def _matching(wanted: str) -> QuerySet[Server]:
    found = services.servers().order_by("slug")
    return found.filter(slug__icontains=wanted) if wanted else found


class NothingToDeploy(RegistryError):
    code = "nothing_to_deploy"
    hint = "Choose a file, paste the code of a server, or give a command that begins with npx or uvx."

    def __init__(self) -> None:
        super().__init__("There is nothing to deploy.")


def _source(request: PageRequest, code: str, command: str) -> tuple[UploadedFile | ContentFile[Any], str]:
    """What is deployed, and the command that starts it."""
    upload = request.FILES.get("file")
    if isinstance(upload, UploadedFile):
        return upload, command
    if code.strip():
        return ContentFile(code.replace("\r\n", "\n").encode(), name="server.py"), command  # forms send CRLF
    if not command:
        raise NothingToDeploy
    packaged = launching.package(command)
    return ContentFile(packaged.bundle, name=launching.FILE_NAME), packaged.command


def _deploy(request: PageRequest, name: str, source: Any, command: str) -> Any:
    store = Store(settings.STOA_STORE)
    store.prepare()
    return services.submit_revision(
        name,
        bundle=store.add_bundle(source),
        file_name=source.name or "server.py",
        command=command,
        acting=request.principal,
    )


def _changed(request: PageRequest, tenant: str, found: Server) -> HttpResponse:
    """What the button that was pressed says."""
    acting = request.principal
    here: dict[str, Any] = {"tenant": tenant, "name": found.slug}
    match request.POST.get("do"):
        case "roll back":
            revision = services.roll_back(found, to=request.POST.get("revision") or None, acting=acting)
            return done(request, f"Revision {revision.number} serves now.", "server", **here)
        case "hosts":
            hosts = request.POST.get("hosts", "").split()
            services.set_hosts(found, hosts, acting=acting)
            return done(request, "Saved what it may reach.", "server", **here)
        case "set secret":
            secret = vault.set_secret(
                found.id, request.POST.get("name", "").strip(), request.POST.get("value", ""), acting=acting
            )
            remotes.secrets_changed(found, acting=acting)
            return done(request, f"{secret.name} is set; it is never shown again.", "server", **here)
        case "delete secret":
            name = request.POST.get("name", "")
            vault.delete_secret(found.id, name, acting=acting)
            remotes.secrets_changed(found, acting=acting)
            return done(request, f"{name} is deleted.", "server", **here)
        case _:
            return redirect("server", **here)


def _secrets(request: PageRequest, found: Server) -> list[vault.SecretInfo]:
    may = permits(request.principal, "secrets:read")
    return vault.list_secrets(found.id, acting=request.principal) if may else []
