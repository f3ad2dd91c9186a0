"""Whatever the management API changes a person can change on a page, and the other way round.

The tables stand apart from both on purpose: a new operation, or a new page that takes a form, fails here until it is
written down with its counterpart, or with the reason why it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from controlplane.connections.urls import urlpatterns as of_connections
from controlplane.dashboard.urls import urlpatterns as of_dashboard

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.yaml"
CHANGING = {"post", "put", "patch", "delete"}

PAGES: dict[str, set[str]] = {
    "add_server": {"servers_create", "revisions_create"},
    "add_elsewhere": {"servers_set_remote", "servers_set_openapi", "servers_set_static", "upstream_set"},
    "refresh_server": {"servers_refresh", "servers_sync_openapi"},
    "server": {"servers_set_hosts", "servers_roll_back", "secrets_set", "secrets_delete"},
    "connections": {"connection_set_token", "upstream_remove"},
    "connection": {"connection_begin", "connection_end"},
    "endpoints": {"endpoints_create"},
    "endpoint": {
        "endpoints_set_draft", "endpoints_discard_draft", "endpoints_publish", "endpoints_roll_back", "endpoints_clone",
        "endpoints_approve", "endpoints_refuse",
    },
    "add_identity_provider": {"identity_providers_create"},
    "identity_provider": {
        "identity_providers_change", "identity_providers_delete", "identity_providers_enable",
        "identity_providers_disable",
    },
    "check_identity_provider": {"identity_providers_check"},
    "members": {"invitations_create", "invitations_withdraw", "members_change", "members_remove"},
    "keys": {"keys_create", "keys_revoke", "keys_rotate"},
    "own_keys": {"personal_keys_create", "personal_keys_revoke", "personal_keys_rotate"},
    "programs": {"programs_create", "programs_remove"},
    "logins": {"logins_revoke"},
    "task": {"tasks_cancel", "tasks_retry"},
    "tenant_settings": {"tenant_change"},
    "security": {"signing_keys_rotate", "data_keys_rotate", "revoke_everything"},
    "delete_tenant": {"tenant_delete"},
    "installation": {"installation_tenants_create"},
    "installation_tenant": {"installation_tenants_change", "installation_tenants_delete"},
}  # fmt: skip
"""The page's name, and the operations that do what its forms do."""

ONLY_IN_THE_API = {
    "configuration_apply": "a file is applied by who keeps it: with `stoa apply`, or a pipeline",
    "endpoints_preview_composition": "changes nothing; the endpoint's page shows the same list",
    "openapi_preview": "changes nothing; the form says what it found when it saves",
    "remotes_probe": "changes nothing; the form says what answered when it saves",
}
ONLY_ON_PAGES = {
    "login": "signing in a browser is no business of the API",
    "logout": "the same",
    "second_factor": "the same",
    "passkey_sign_in": "the same",
    "confirm": "the same; a key is shown with each request",
    "confirm_with_passkey": "the same",
    "recover": "a password is set where its owner can read mail",
    "set_password": "the same",
    "welcome": "the first person has no key yet",
    "sign_up": "somebody without an account has no key",
    "sign_up_finish": "the same",
    "join": "an invitation is accepted by a person, signed in",
    "leave": "a person leaves; a key is revoked instead",
    "account": "an account is its owner's, signed in; keys are a tenant's",
    "change_password": "the same",
    "sessions": "the same",
    "factors": "the same",
    "add_app": "the same",
    "recovery_codes": "the same",
    "add_passkey": "the same",
    "verify_email": "the same",
    "playground_token": "the page's own token; clients log in, or show a key",
}


def operations() -> set[str]:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    return {
        operation["operationId"] for path in paths.values() for method, operation in path.items() if method in CHANGING
    }


def named(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from named(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def address(name: str) -> str:
    """Somewhere that the route matches; nothing needs to be there."""
    (((_, names), *_), *_), *_ = get_resolver().reverse_dict.getlist(name)
    fills = {"number": 1, "uidb64": "a", "token": "b", "digest": "c", "kind": "remote", "form": "csv"}
    return reverse(name, kwargs={one: fills.get(one, "acme") for one in names})


def allowed(path: str) -> str:
    """The methods that the view there takes, told before it asks who wants to know. One that does not say takes all."""
    found, request = resolve(path), RequestFactory().options(path)
    return str(found.func(request, *found.args, **found.kwargs).headers.get("Allow", "POST"))


def test_every_change_of_the_api_has_a_page() -> None:
    on_pages = {operation for found in PAGES.values() for operation in found}

    assert operations() - on_pages - ONLY_IN_THE_API.keys() == set(), "say above on which page"
    assert (on_pages | ONLY_IN_THE_API.keys()) - operations() == set(), "is no operation any more"
    assert not on_pages & ONLY_IN_THE_API.keys()


def test_every_page_that_takes_a_form_has_its_operations() -> None:
    pages = {*named(of_dashboard), *named(of_connections)}
    takes_forms = {name for name in pages if "POST" in allowed(address(name))}

    known = PAGES.keys()
    assert takes_forms - known - ONLY_ON_PAGES.keys() == set(), "say above what it does in the API"
    assert (known | ONLY_ON_PAGES.keys()) - takes_forms == set(), "takes no form any more"


def test_every_exception_has_a_reason() -> None:
    reasons = {**ONLY_IN_THE_API, **ONLY_ON_PAGES}

    assert all(re.fullmatch(r"[a-z].{5,}", reason) for reason in reasons.values())
