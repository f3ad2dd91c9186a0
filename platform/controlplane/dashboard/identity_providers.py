"""Pages of a tenant's identity providers: what to fill in, the redirect URI to copy, the test, the last sign-ins."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from controlplane.dashboard.pages import PageRequest, done, page
from controlplane.dashboard.people.confirming import proven
from controlplane.providers import flow, services, testing
from controlplane.providers.addresses import redirect_uri
from controlplane.providers.errors import InvalidProvider, NotTested, ProviderNotFound, SignInRefused
from controlplane.providers.kinds import KINDS, Kind
from controlplane.providers.models import Provider
from controlplane.providers.services import Wanted
from tenants import lookups
from tenants.identifiers import SLUG_RULE
from tenants.roles import ROLES


@page("tenant:write")
def identity_providers(request: PageRequest, tenant: str) -> HttpResponse:
    context = {"tenant": tenant, "rows": services.list_providers(), "kinds": KINDS.values()}
    return render(request, "dashboard/identity_providers.html", context)


@proven()
@page("tenant:write", write="tenant:write")
def add(request: PageRequest, tenant: str, kind: str) -> HttpResponse:
    """The form of a kind. The redirect URI stands there before anything is saved: the provider asks for it first."""
    known = KINDS.get(kind)
    if known is None:
        raise Http404
    entered = request.POST if request.method == "POST" else {"slug": kind}
    if request.method == "POST":
        try:
            made = services.create_provider(
                request.POST.get("slug", "").strip(), _wanted(request, known), acting=request.principal
            )
        except InvalidProvider as error:
            return _form(request, tenant, known, entered, problem=error)
        return done(request, "Saved. Test it, then switch it on.", "identity_provider", tenant=tenant, name=made.slug)
    return _form(request, tenant, known, entered)


@proven()
@page("tenant:write", write="tenant:write")
def identity_provider(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """One provider, and what a debugger shows of it: each step of the last sign-ins, without secrets."""
    provider = _found(name)
    if request.method != "POST":
        return _detail(request, tenant, provider)
    try:
        match request.POST.get("do"):
            case "enable":
                services.enable_provider(name, acting=request.principal)
                message = "People can sign in by it now."
            case "disable":
                services.disable_provider(name, acting=request.principal)
                message = "Nobody signs in by it any more."
            case "delete":
                services.delete_provider(name, acting=request.principal)
                return done(request, f"{name} is deleted.", "identity_providers", tenant=tenant)
            case _:
                services.change_provider(name, _wanted(request, KINDS[provider.kind]), acting=request.principal)
                message = "Saved."
    except (InvalidProvider, NotTested) as error:
        return _detail(request, tenant, provider, problem=error)
    return done(request, message, "identity_provider", tenant=tenant, name=name)


@page("tenant:write", write="tenant:write", waits=True, back="identity_provider")
def check(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """Fetch what it publishes; the page shows each step."""
    try:
        attempt = testing.check(request.principal.tenant, name, acting=request.principal)
    except ProviderNotFound as error:
        raise Http404 from error
    message = "The provider answers as it should." if attempt.succeeded else "Something is wrong: see the last step."
    return done(request, message, "identity_provider", tenant=tenant, name=name)


@page("tenant:write", waits=True)
def trial(request: PageRequest, tenant: str, name: str) -> HttpResponse:
    """Sign in at the provider, and come back to the page that shows what it said. Nobody is signed in here by it."""
    found = lookups.tenant_by_slug(tenant)
    if found is None:
        raise Http404
    try:
        return HttpResponseRedirect(flow.begin(request, found, name, test=True))
    except ProviderNotFound as error:
        raise Http404 from error
    except SignInRefused as error:
        context = {"message": str(error), "hint": error.hint}
        return render(request, "providers/refused.html", context, status=403)


def rules_as_text(provider: Provider) -> str:
    return "\n".join(f"{rule['role']} if {rule['match']} {rule['value']}".strip() for rule in provider.rules)


def rules_in(text: str) -> list[dict[str, str]]:
    """`developer if domain acme.com`, a line each. Raises InvalidProvider."""
    rules = []
    for line in text.splitlines():
        if not line.strip():
            continue
        role, between, rest = line.strip().partition(" if ")
        match, _, value = rest.strip().partition(" ")
        if not between or not match:
            raise InvalidProvider(f"{line.strip()[:60]!r} is no rule. One reads: developer if domain acme.com")
        rules.append({"match": match, "value": value.strip(), "role": role.strip()})
    return rules


def _found(name: str) -> Provider:
    try:
        return services.find_provider(name)
    except ProviderNotFound as error:
        raise Http404 from error


def _wanted(request: PageRequest, kind: Kind) -> Wanted:
    return Wanted(
        kind=kind.name,
        name=request.POST.get("name", ""),
        client_id=request.POST.get("client_id", ""),
        client_secret=request.POST.get("client_secret") or None,
        settings={setting.name: request.POST.get(f"setting_{setting.name}", "") for setting in kind.settings},
        rules=rules_in(request.POST.get("rules", "")),
        trusts_email="trusts_email" in request.POST,
        counts_as_second_factor="counts_as_second_factor" in request.POST,
        required="required" in request.POST,
    )


def _detail(
    request: PageRequest, tenant: str, provider: Provider, *, problem: InvalidProvider | NotTested | None = None
) -> HttpResponse:
    saved = {
        "slug": provider.slug,
        "name": provider.name,
        "client_id": provider.client_id,
        "rules": rules_as_text(provider),
        "trusts_email": provider.trusts_email,
        "counts_as_second_factor": provider.counts_as_second_factor,
        "required": provider.required,
        **{f"setting_{name}": value for name, value in provider.settings.items()},
    }
    entered = request.POST if problem is not None and "rules" in request.POST else saved
    return _form(request, tenant, KINDS[provider.kind], entered, provider=provider, problem=problem)


def _form(
    request: PageRequest,
    tenant: str,
    kind: Kind,
    entered: Any,
    *,
    provider: Provider | None = None,
    problem: InvalidProvider | NotTested | None = None,
) -> HttpResponse:
    context = {
        "tenant": tenant,
        "kind": kind,
        "provider": provider,
        "people": kind.protocol != "jwt",
        "entered": entered,
        "fields": [(setting, entered.get(f"setting_{setting.name}", "")) for setting in kind.settings],
        "redirect_uri": redirect_uri(tenant, provider.slug if provider else kind.name),
        "tested": provider is not None and provider.tested == services.digest(provider),
        "attempts": services.attempts_of(provider) if provider else [],
        "problem": problem,
        "rule": SLUG_RULE,
        "roles": ROLES,
    }
    return render(request, "dashboard/identity_provider.html", context, status=422 if problem else 200)
