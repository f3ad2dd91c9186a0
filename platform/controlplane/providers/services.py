"""A tenant's providers: made, changed, switched on once tested, deleted. Inside `acting_for`.

Whoever may write the tenant (`tenant:write`) may do it, and can give by rules no role that they could not give by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.announcements import KEYS, announce_on_commit
from controlplane.audit.services import record
from controlplane.providers.errors import InvalidProvider, NotTested, ProviderNotFound, SignInRefused
from controlplane.providers.kinds import DEFAULTS, KINDS, Kind, fits
from controlplane.providers.models import Attempt, Provider
from controlplane.providers.tracing import Trace
from tenants.context import require_tenant_id
from tenants.identifiers import SLUG_RULE, is_slug, new_id
from tenants.principal import Principal
from tenants.roles import PERMISSIONS_OF, ROLES, NotPermittedError, Role, require

MATCHES: Final = ("domain", "group", "anyone")
MAX_PROVIDERS: Final = 20
MAX_RULES: Final = 100
KEPT_ATTEMPTS: Final = 20
MAX_SECRET: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a tenant fills in. None as the secret keeps the one there is."""

    kind: str
    name: str = ""
    client_id: str = ""
    client_secret: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Mapping[str, str]] = ()
    trusts_email: bool = False
    counts_as_second_factor: bool = False
    required: bool = False
    secret_later: bool = False
    """A kind that needs its secret may be made without: it is tested, and so switched on, once it has one."""


def list_providers() -> list[Provider]:
    return list(Provider.objects.all())


def find_provider(slug: str) -> Provider:
    """Raises ProviderNotFound."""
    found = Provider.objects.filter(slug=slug).first()
    if found is None:
        raise ProviderNotFound(slug)
    return found


def create_provider(slug: str, wanted: Wanted, *, acting: Principal | None) -> Provider:
    """Switched off, until it is tested. Raises InvalidProvider, NotPermittedError."""
    require(acting, "tenant:write")
    tenant_id = require_tenant_id("Identity providers")
    if not is_slug(slug):
        raise InvalidProvider(f"{slug[:60]!r} cannot be its name in addresses: {SLUG_RULE}.")
    if wanted.kind not in KINDS:
        raise InvalidProvider(f"There is no kind {wanted.kind[:40]!r}. Kinds: {', '.join(KINDS)}.")
    if Provider.objects.count() >= MAX_PROVIDERS:
        raise InvalidProvider(f"A tenant has at most {MAX_PROVIDERS} identity providers.")
    provider = Provider(id=new_id("idp"), tenant_id=tenant_id, slug=slug, kind=wanted.kind)
    _fill_in(provider, wanted, acting)
    provider.seal((wanted.client_secret or "").encode())
    try:
        with transaction.atomic():
            provider.save(force_insert=True)
    except IntegrityError:
        raise InvalidProvider(f"There is an identity provider named {slug!r} already.") from None
    record("identity_provider.created", tenant_id=tenant_id, acting=acting, target=provider.id, after=_state(provider))
    return provider


def change_provider(slug: str, wanted: Wanted, *, acting: Principal | None) -> Provider:
    """What decides how people are identified has to be tested again before it counts: the provider is switched off.

    Raises InvalidProvider, ProviderNotFound, NotPermittedError.
    """
    require(acting, "tenant:write")
    provider = _lock(slug)
    before, issuer, tested = _state(provider), provider.issuer, digest(provider)
    if wanted.kind != provider.kind:
        raise InvalidProvider("The kind of a provider cannot be changed: make another one.")
    secret = provider.secret() if wanted.client_secret is None else wanted.client_secret
    _fill_in(provider, wanted, acting)
    if wanted.client_secret is None and provider.issuer != issuer and secret:
        raise InvalidProvider("Give the client secret again: the one there is was given for another issuer.")
    provider.seal(secret.encode())
    if digest(provider) != tested:
        provider.enabled = False
    provider.updated_at = timezone.now()
    provider.save()
    announce_on_commit(KEYS, "*")
    _record("identity_provider.changed", provider, acting, before)
    return provider


def enable_provider(slug: str, *, acting: Principal | None) -> Provider:
    """Raises NotTested, ProviderNotFound, NotPermittedError."""
    require(acting, "tenant:write")
    provider = _lock(slug)
    before = _state(provider)
    if provider.tested != digest(provider):
        raise NotTested(slug)
    provider.enabled = True
    provider.save(update_fields=["enabled"])
    _record("identity_provider.enabled", provider, acting, before)
    return provider


def disable_provider(slug: str, *, acting: Principal | None) -> Provider:
    """Nobody signs in by it from now on; tokens it vouches for are refused within seconds. Sessions go on.

    Raises ProviderNotFound, NotPermittedError.
    """
    require(acting, "tenant:write")
    provider = _lock(slug)
    before = _state(provider)
    provider.enabled = False
    provider.save(update_fields=["enabled"])
    announce_on_commit(KEYS, "*")
    _record("identity_provider.disabled", provider, acting, before)
    return provider


def delete_provider(slug: str, *, acting: Principal | None) -> None:
    """The people who came by it stay members. Raises ProviderNotFound, NotPermittedError."""
    require(acting, "tenant:write")
    provider = _lock(slug)
    before, target = _state(provider), provider.id
    provider.delete()
    announce_on_commit(KEYS, "*")
    record("identity_provider.deleted", tenant_id=provider.tenant_id, acting=acting, target=target, before=before)


def mark_tested(provider: Provider, tested: str) -> None:
    """Its test has passed with this configuration. Raises SignInRefused if it is another by now."""
    current = Provider.objects.select_for_update().filter(pk=provider.pk).first()
    if current is None or digest(current) != tested:
        raise SignInRefused("The configuration was changed during the test.", "Test it again.")
    current.tested = tested
    current.save(update_fields=["tested"])


def digest(provider: Provider) -> str:
    """Of what a test proves: with another, the test counts no longer."""
    parts = [
        provider.kind, provider.slug, provider.issuer, provider.client_id, provider.fingerprint, provider.settings,
        provider.trusts_email,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def attempts_of(provider: Provider) -> list[Attempt]:
    """The last ones, newest first."""
    return list(Attempt.objects.filter(provider=provider)[:KEPT_ATTEMPTS])


def keep_attempt(provider: Provider, trace: Trace, *, is_test: bool, succeeded: bool) -> Attempt:
    """Only the last ones stay: the page is for looking at a fault, not a record of who came.

    Raises ProviderNotFound when it was deleted meanwhile.
    """
    if not Provider.objects.select_for_update().filter(pk=provider.pk).exists():
        raise ProviderNotFound(provider.slug)
    attempt = Attempt.objects.create(
        provider=provider, is_test=is_test, succeeded=succeeded, steps=trace.steps, claims=trace.claims
    )
    kept = Attempt.objects.filter(provider=provider).values_list("pk", flat=True)[:KEPT_ATTEMPTS]
    Attempt.objects.filter(provider=provider).exclude(pk__in=list(kept)).delete()
    return attempt


def _fill_in(provider: Provider, wanted: Wanted, acting: Principal | None) -> None:
    kind = KINDS[wanted.kind]
    provider.settings = _settings(kind, wanted.settings)
    provider.issuer = _issuer(kind, provider.settings)
    provider.name = _name(wanted.name or kind.label)
    provider.client_id = wanted.client_id.strip()
    if kind.protocol != "jwt" and not _is_plain(provider.client_id, 500):
        raise InvalidProvider("The client ID is missing, or has characters that no identifier has.")
    if wanted.client_secret is not None and wanted.client_secret and not _is_plain(wanted.client_secret, MAX_SECRET):
        raise InvalidProvider(f"The {kind.secret_label.lower()} has spaces or other characters that none has.")
    needs_secret = kind.protocol in ("github", "workos") and not wanted.secret_later
    if needs_secret and not (wanted.client_secret or provider.fingerprint):
        raise InvalidProvider(f"{kind.label} needs the {kind.secret_label.lower()} too.")
    provider.rules = [_rule(rule, acting) for rule in wanted.rules]
    if len(provider.rules) > MAX_RULES:
        raise InvalidProvider(f"A provider has at most {MAX_RULES} rules.")
    provider.trusts_email = wanted.trusts_email
    provider.counts_as_second_factor = wanted.counts_as_second_factor
    provider.required = wanted.required


def _settings(kind: Kind, given: Mapping[str, str]) -> dict[str, str]:
    known = {setting.name for setting in kind.settings}
    for name in given:
        if name not in known:
            raise InvalidProvider(f"{kind.label} has no setting {name[:40]!r}. It has: {', '.join(sorted(known))}.")
    found = dict(DEFAULTS.get(kind.name, {}))
    for setting in kind.settings:
        value = str(given.get(setting.name, "")).strip()
        if not value and setting.required:
            raise InvalidProvider(f"{setting.label} is missing. An example: {setting.example}")
        if value and not fits(setting, value):
            raise InvalidProvider(f"{setting.label} is not of the form of {setting.example!r}. {setting.help}".strip())
        if value:
            found[setting.name] = value
    return found


def _issuer(kind: Kind, settings: Mapping[str, str]) -> str:
    if kind.name == "github" and "host" in settings:
        return f"https://{settings['host']}"
    return kind.issuer_of(settings)


def _rule(given: Mapping[str, str], acting: Principal | None) -> dict[str, str]:
    match, value, role = (str(given.get(name, "")).strip() for name in ("match", "value", "role"))
    if match not in MATCHES:
        raise InvalidProvider(f"A rule matches one of {', '.join(MATCHES)}, not {match[:40]!r}.")
    if role not in ROLES:
        raise InvalidProvider(f"A rule gives one of the roles {', '.join(ROLES)}, not {role[:40]!r}.")
    if match == "domain" and not _is_domain(value):
        raise InvalidProvider("A rule for a domain names one, such as acme.com: no address, no star.")
    if match == "group" and not 0 < len(value) <= 250:
        raise InvalidProvider("A rule for a group names one, as the provider writes it.")
    if "\0" in value:
        raise InvalidProvider("A rule has a NUL character.")
    _may_give(role, acting)
    return {"match": match, "value": "" if match == "anyone" else value, "role": role}


def _may_give(role: Role, acting: Principal | None) -> None:
    """As by hand: nobody makes others what they are not themselves."""
    if acting is not None and not PERMISSIONS_OF[role] <= acting.scopes:
        raise NotPermittedError(min(PERMISSIONS_OF[role] - acting.scopes))


def _is_domain(value: str) -> bool:
    return fits(KINDS["google"].settings[0], value) and "." in value


def _is_plain(value: str, longest: int) -> bool:
    return 0 < len(value) <= longest and value.isascii() and value.isprintable() and " " not in value


def _name(value: str) -> str:
    value = value.strip()
    if not value.isprintable() or not 0 < len(value) <= 100:
        raise InvalidProvider("The name on the button has 1 to 100 characters, all on one line.")
    return value


def _lock(slug: str) -> Provider:
    found = Provider.objects.select_for_update().filter(slug=slug).first()
    if found is None:
        raise ProviderNotFound(slug)
    return found


def _record(action: str, provider: Provider, acting: Principal | None, before: Mapping[str, object]) -> None:
    record(
        action,
        tenant_id=provider.tenant_id,
        acting=acting,
        target=provider.id,
        before=before,
        after=_state(provider),
    )


def _state(provider: Provider) -> dict[str, Any]:
    return {
        "slug": provider.slug, "kind": provider.kind, "issuer": provider.issuer, "client_id": provider.client_id,
        "fingerprint": provider.fingerprint, "settings": provider.settings, "rules": provider.rules,
        "trusts_email": provider.trusts_email, "counts_as_second_factor": provider.counts_as_second_factor,
        "required": provider.required, "enabled": provider.enabled,
    }  # fmt: skip
