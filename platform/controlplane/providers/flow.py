"""A sign-in by a provider, in its two halves: sending the browser away, and taking it back.

What belongs to one sign-in (state, nonce, PKCE verifier, where to go on) is kept in the browser's own session, works
once and for ten minutes: an answer that another browser began is refused. No request to a provider is made inside a
transaction.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.accounts.signing_in import sign_in
from controlplane.audit.services import record
from controlplane.providers import admission, oauth, protocols
from controlplane.providers.addresses import redirect_uri
from controlplane.providers.admission import NotAdmitted
from controlplane.providers.errors import SignInRefused
from controlplane.providers.models import Provider
from controlplane.providers.people import Person
from controlplane.providers.services import digest, find_provider, keep_attempt, mark_tested
from controlplane.providers.tracing import Trace
from tenants.context import acting_for
from tenants.lookups import TenantSummary
from tenants.principal import Principal

LIVES_SECONDS: Final = 600
MAX_AT_ONCE: Final = 5
"""Sign-ins that one browser may have open: two tabs are usual."""
_KEPT: Final = "provider_sign_ins"


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser keeps of a sign-in until it comes back."""

    provider: str
    nonce: str
    verifier: str
    next_url: str
    test: str
    """The digest of the configuration that is being tested; empty for a sign-in."""
    at: float


def begin(request: HttpRequest, tenant: TenantSummary, slug: str, *, next_url: str = "", test: bool = False) -> str:
    """Where to send the browser. Raises ProviderNotFound, SignInRefused."""
    with acting_for(tenant.id):
        provider = find_provider(slug)
    trace = Trace()
    try:
        _check_enabled(provider, test)
        with trace.step("Find the provider's endpoints") as step:
            found = protocols.locate(provider, afresh=test)
            step.detail = found.authorization_endpoint
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url = oauth.authorization_url(
            provider,
            found,
            redirect_uri=redirect_uri(tenant.slug, slug),
            state=state,
            nonce=nonce,
            verifier=verifier,
        )
    except SignInRefused:
        _keep_attempt(tenant, provider, trace, test=test, succeeded=False)
        raise
    kept = {name: value for name, value in _kept(request).items() if time.time() - value["at"] < LIVES_SECONDS}
    while len(kept) >= MAX_AT_ONCE:
        del kept[min(kept, key=lambda name: kept[name]["at"])]
    tested = digest(provider) if test else ""
    begun = {"provider": provider.id, "nonce": nonce, "verifier": verifier, "next_url": next_url, "test": tested}
    request.session[_KEPT] = {**kept, state: {**begun, "at": time.time()}}
    return url


def finish(request: HttpRequest, tenant: TenantSummary, slug: str) -> str:
    """Take the provider's answer: the person is signed in, or a test has passed. Where to send the browser now.

    Raises ProviderNotFound, SignInRefused.
    """
    with acting_for(tenant.id):
        provider = find_provider(slug)
    answer = {name: str(values[-1]) for name, values in request.GET.lists() if values}
    trace = Trace()
    with trace.step("Take the answer") as step:
        # A stranger's answer leaves no attempt behind: a flood of them would push out those worth looking at.
        begun = _take(request, answer.get("state", ""), provider)
        step.detail = "It belongs to a sign-in that this browser began."
    test = bool(begun.test)
    try:
        _check_enabled(provider, test)
        person = _identify(tenant, provider, begun, answer, request, trace)
        if begun.test:
            with trace.step("Ask the rules") as step:
                role = admission.role_for(provider, person)
                step.detail = f"This person would be {role}." if role else "No rule would let this person in."
            _passed(tenant, provider, begun, trace)
            return f"/tenants/{tenant.slug}/identity-providers/{slug}/"
        with trace.step("Admit the person") as step:
            user, principal = _admit(tenant, provider, person)
            step.detail = f"{user.email} as {', '.join(sorted(principal.roles))}"
    except SignInRefused:
        _keep_attempt(tenant, provider, trace, test=test, succeeded=False)
        raise
    _keep_attempt(tenant, provider, trace, test=False, succeeded=True)
    return sign_in(
        request, user, method="provider", next_url=begun.next_url, proven_twice=provider.counts_as_second_factor
    )


def _check_enabled(provider: Provider, test: bool) -> None:
    if not provider.enabled and not test:
        raise SignInRefused("This way to sign in is switched off.", "Ask an admin of your tenant.")


def _identify(
    tenant: TenantSummary,
    provider: Provider,
    begun: Begun,
    answer: Mapping[str, str],
    request: HttpRequest,
    trace: Trace,
) -> Person:
    if any(len(values) > 1 for _, values in request.GET.lists()):
        raise SignInRefused("The answer has a parameter twice.")
    with trace.step("Find the provider's endpoints") as step:
        found = protocols.locate(provider)
        step.detail = found.token_endpoint
    with trace.step("Check who answers") as step:
        protocols.check_issuer(found, answer.get("iss"), provider)
        if "error" in answer:
            told = f"{answer['error'][:100]} {answer.get('error_description', '')[:200]}".strip()
            raise SignInRefused(f"The provider refused: {told}", "Sign in again, as someone who may use it.")
        if not answer.get("code"):
            raise SignInRefused("The answer has no code.")
        step.detail = "The provider that was asked, with a code."
    with trace.step("Redeem the code") as step:
        with acting_for(tenant.id):
            secret = provider.secret()
        tokens = oauth.redeem(
            provider,
            found,
            secret=secret,
            redirect_uri=redirect_uri(tenant.slug, provider.slug),
            code=answer["code"],
            verifier=begun.verifier,
        )
        step.detail = f"The answer has {', '.join(sorted(name for name in tokens if name.isidentifier()))[:200]}."
    return protocols.identify(provider, found, tokens, nonce=begun.nonce, trace=trace)


def _admit(tenant: TenantSummary, provider: Provider, person: Person) -> tuple[User, Principal]:
    with acting_for(tenant.id):
        user = admission.admit(provider, person)
        principal = principal_of(user, tenant.slug)
        if principal is not None:
            record("identity_provider.signed_in", tenant_id=tenant.id, acting=principal, target=provider.id)
    if principal is None:
        raise NotAdmitted(person)  # outside the block: a place that the rules took away stays taken
    return user, principal


def _take(request: HttpRequest, state: str, provider: Provider) -> Begun:
    """The sign-in that the state names, used up. Raises SignInRefused."""
    kept = _kept(request)
    found = kept.pop(state, None)
    request.session[_KEPT] = kept
    if found is None or found["provider"] != provider.id or time.time() - found["at"] > LIVES_SECONDS:
        raise SignInRefused(
            "This answer belongs to no sign-in that this browser began, or it was used, or it took over ten minutes.",
            "Go back to the sign-in page and begin again.",
        )
    return Begun(**found)


def _kept(request: HttpRequest) -> dict[str, dict[str, Any]]:
    return dict(request.session.get(_KEPT) or {})


def _passed(tenant: TenantSummary, provider: Provider, begun: Begun, trace: Trace) -> None:
    """The configuration may be switched on if it is still the one that was tested."""
    with trace.step("Compare the configuration") as step, acting_for(tenant.id):
        mark_tested(provider, begun.test)
        step.detail = "It may be switched on as it is."
    _keep_attempt(tenant, provider, trace, test=True, succeeded=True)


def _keep_attempt(tenant: TenantSummary, provider: Provider, trace: Trace, *, test: bool, succeeded: bool) -> None:
    with acting_for(tenant.id):
        keep_attempt(provider, trace, is_test=test, succeeded=succeeded)
