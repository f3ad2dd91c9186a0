"""Trying a provider before it counts: what can be seen without a person, and after that a trial sign-in.

`check` fetches what the provider publishes, afresh. For an issuer of tokens that is the whole test; for a provider
that people sign in by, the test has passed once somebody came back from it (`flow` with `test=True`).
"""

from __future__ import annotations

from controlplane.providers import metadata, protocols, services, tokens
from controlplane.providers.errors import SignInRefused
from controlplane.providers.kinds import KINDS
from controlplane.providers.models import Attempt, Provider
from controlplane.providers.tracing import Trace
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import require


def check(tenant_id: str, slug: str, *, acting: Principal | None) -> Attempt:
    """Outside any transaction: the provider may be slow. Raises ProviderNotFound, NotPermittedError."""
    require(acting, "tenant:write")
    with acting_for(tenant_id):
        provider = services.find_provider(slug)
        tested = services.digest(provider)
    trace = Trace()
    try:
        _look(provider, trace)
        succeeded = True
    except SignInRefused:
        succeeded = False
    with acting_for(tenant_id):
        if succeeded and KINDS[provider.kind].protocol == "jwt":
            services.mark_tested(provider, tested)
        return services.keep_attempt(provider, trace, is_test=True, succeeded=succeeded)


def _look(provider: Provider, trace: Trace) -> None:
    protocol = KINDS[provider.kind].protocol
    jwks_uri = provider.settings.get("jwks_uri", "")
    if protocol != "jwt":
        with trace.step("Find the provider's endpoints") as step:
            found = protocols.locate(provider, afresh=True)
            jwks_uri = found.jwks_uri
            step.detail = f"{found.authorization_endpoint} and {found.token_endpoint}"
    if protocol in ("openid", "jwt"):
        with trace.step("Fetch its keys") as step:
            usable = tokens.usable(metadata.keys(jwks_uri, afresh=True))
            if not usable:
                raise SignInRefused(f"There is no key at {jwks_uri} that tokens could be verified with.")
            step.detail = f"{len(usable)} at {jwks_uri}: {', '.join(usable)}"
