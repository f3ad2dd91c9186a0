"""The authorization matrix: every route, every role, in one's own tenant and in another.

The table below says what each route needs. It stands apart from the views on purpose: a route that is not in it, or a
view that asks for something else, fails here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from controlplane.accounts.models import User
from controlplane.accounts.services import create_user_in
from controlplane.api.urls import urlpatterns
from tenants.context import acting_for
from tenants.roles import PERMISSIONS_OF, ROLES, Role
from tests.controlplane.api.conftest import Bearer
from tests.support.cast import Cast

METHODS = ("get", "post", "put", "patch", "delete")
OPEN = {"me", "openapi", ""}
"""What is no tenant's: who am I, the document of this API, and the answer for addresses that do not exist."""

T = "tenants/<name:tenant>"
E = f"{T}/endpoints/<name:endpoint>"
MATRIX = {
    f"get {T}/configuration": "servers:write",
    f"post {T}/configuration": "servers:write",
    f"get {T}/servers": "servers:read",
    f"post {T}/servers": "servers:write",
    f"get {T}/servers/<name:server>": "servers:read",
    f"patch {T}/servers/<name:server>": "servers:write",
    f"get {T}/servers/<name:server>/revisions": "servers:read",
    f"post {T}/servers/<name:server>/revisions": "servers:write",
    f"post {T}/servers/<name:server>/rollback": "servers:write",
    f"put {T}/servers/<name:server>/remote": "servers:write",
    f"get {T}/tasks": "calls:read",
    f"get {T}/tasks/<name:task>": "calls:read",
    f"post {T}/tasks/<name:task>/cancel": "endpoints:write",
    f"post {T}/tasks/<name:task>/retry": "endpoints:write",
    f"get {T}/calls": "calls:read",
    f"get {T}/calls/overview": "calls:read",
    f"post {T}/servers/<name:server>/refresh": "servers:write",
    f"post {T}/remotes/probe": "servers:write",
    f"get {T}/servers/<name:server>/openapi": "servers:read",
    f"put {T}/servers/<name:server>/openapi": "servers:write",
    f"post {T}/servers/<name:server>/openapi/sync": "servers:write",
    f"post {T}/openapi/preview": "servers:write",
    f"get {T}/servers/<name:server>/static": "servers:read",
    f"put {T}/servers/<name:server>/static": "servers:write",
    f"get {T}/servers/<name:server>/upstream": "servers:read",
    f"put {T}/servers/<name:server>/upstream": "servers:write",
    f"delete {T}/servers/<name:server>/upstream": "servers:write",
    f"get {T}/servers/<name:server>/connection": "mcp:call",
    f"post {T}/servers/<name:server>/connection": "mcp:call",
    f"put {T}/servers/<name:server>/connection": "mcp:call",
    f"delete {T}/servers/<name:server>/connection": "mcp:call",
    f"get {T}/servers/<name:server>/secrets": "secrets:read",
    f"put {T}/servers/<name:server>/secrets/<name:name>": "secrets:write",
    f"delete {T}/servers/<name:server>/secrets/<name:name>": "secrets:write",
    f"get {T}/revisions/<name:revision>": "servers:read",
    f"get {T}/revisions/<name:revision>/log": "servers:read",
    f"get {T}/endpoints": "endpoints:read",
    f"post {T}/endpoints": "endpoints:write",
    f"get {E}": "endpoints:read",
    f"get {E}/draft": "endpoints:read",
    f"put {E}/draft": "endpoints:write",
    f"delete {E}/draft": "endpoints:write",
    f"get {E}/preview": "endpoints:read",
    f"post {E}/preview": "endpoints:read",
    f"post {E}/publish": "endpoints:write",
    f"get {E}/held": "endpoints:read",
    f"post {E}/held/approve": "endpoints:write",
    f"post {E}/held/refuse": "endpoints:write",
    f"post {E}/rollback": "endpoints:write",
    f"post {E}/clone": "endpoints:write",
    f"get {E}/versions": "endpoints:read",
    f"get {E}/versions/<int:number>": "endpoints:read",
    f"get {T}/keys": "keys:read",
    f"post {T}/keys": "keys:write",
    f"delete {T}/keys/<name:key>": "keys:write",
    f"post {T}/keys/<name:key>/rotate": "keys:write",
    f"get {T}/personal-keys": "mcp:call",
    f"post {T}/personal-keys": "mcp:call",
    f"delete {T}/personal-keys/<name:key>": "mcp:call",
    f"post {T}/personal-keys/<name:key>/rotate": "mcp:call",
    f"get {T}/identity-provider-kinds": "tenant:write",
    f"get {T}/identity-providers": "tenant:write",
    f"post {T}/identity-providers": "tenant:write",
    f"get {T}/identity-providers/<name:provider>": "tenant:write",
    f"put {T}/identity-providers/<name:provider>": "tenant:write",
    f"delete {T}/identity-providers/<name:provider>": "tenant:write",
    f"post {T}/identity-providers/<name:provider>/check": "tenant:write",
    f"post {T}/identity-providers/<name:provider>/enable": "tenant:write",
    f"post {T}/identity-providers/<name:provider>/disable": "tenant:write",
    f"get {T}/identity-providers/<name:provider>/attempts": "tenant:write",
    f"get {T}/audit": "audit:read",
    f"get {T}/audit/export": "audit:read",
    f"get {T}": "members:read",
    f"patch {T}": "tenant:write",
    f"get {T}/deletion": "tenant:delete",
    f"post {T}/deletion": "tenant:delete",
    f"get {T}/members": "members:read",
    f"patch {T}/members/<name:member>": "members:write",
    f"delete {T}/members/<name:member>": "members:write",
    f"get {T}/invitations": "members:write",
    f"post {T}/invitations": "members:write",
    f"delete {T}/invitations/<name:invitation>": "members:write",
    f"get {T}/logins": "mcp:call",
    f"delete {T}/logins/<name:login>": "mcp:call",
    f"get {T}/programs": "keys:read",
    f"post {T}/programs": "keys:write",
    f"delete {T}/programs/<name:program>": "keys:write",
    f"post {T}/revocations": "tenant:write",
    f"post {T}/data-keys": "tenant:write",
    f"post {T}/signing-keys": "tenant:write",
}
HOUSE = "installation/tenants"
INSTALLATION = {
    f"get {HOUSE}", f"post {HOUSE}", f"get {HOUSE}/<name:slug>", f"patch {HOUSE}/<name:slug>",
    f"get {HOUSE}/<name:slug>/deletion", f"post {HOUSE}/<name:slug>/deletion",
}  # fmt: skip
"""For platform administrators; to everyone else nothing is there."""
ABSENT = "absent"
"""Fills the names in a path: admitted callers are told that it does not exist, or what is wrong with the body."""


def routes() -> Iterator[str]:
    """`method path` of every route that the API has."""
    for pattern in urlpatterns:
        path = str(pattern.pattern)
        if path in OPEN:
            continue
        view = getattr(pattern.callback, "view_class", None)
        methods = ["get"] if view is None else [method for method in METHODS if hasattr(view, method)]
        yield from (f"{method} {path}" for method in methods)


def test_the_matrix_and_the_api_have_the_same_routes() -> None:
    assert sorted(routes()) == sorted([*MATRIX, *INSTALLATION])


@pytest.mark.parametrize("route", sorted(INSTALLATION))
def test_to_who_administers_no_installation_its_routes_are_not_there(cast: Cast, bearer: Bearer, route: str) -> None:
    owner, administrator = Client(), Client()
    owner.force_login(cast.ada)
    cast.cem.is_platform_admin = True
    cast.cem.save()
    administrator.force_login(cast.cem)

    refused = [send(client, route, "acme") for client in (owner, bearer(cast.acme, PERMISSIONS_OF["owner"]))]
    nothing = send(owner, "get nothing/here", "acme")
    stranger = send(Client(), route, "acme")
    admitted = send(administrator, route, "acme")

    for answer in refused:
        assert (
            (answer.status_code, problem(answer)) == (nothing.status_code, problem(nothing)) == (404, "route_not_found")
        )
    assert stranger.status_code == 401
    assert admitted.status_code in (200, 404, 422)


@pytest.fixture
def people(cast: Cast) -> dict[Role, Client]:
    """One member of acme for each role, signed in."""
    members: dict[Role, User] = {role: create_user_in(cast.acme.id, f"{role}@acme.example", role) for role in ROLES}
    clients = {role: Client() for role in ROLES}
    for role, client in clients.items():
        client.force_login(members[role])
    return clients


LOG = f"get {T}/revisions/<name:revision>/log"
ROUTES = [
    # The log's view queries in a thread of its own, which sees only what was committed.
    pytest.param(route, permission, marks=pytest.mark.django_db(transaction=route == LOG), id=route)
    for route, permission in MATRIX.items()
]


@pytest.mark.parametrize(("route", "permission"), ROUTES)
def test_a_member_may_what_their_role_permits_in_their_own_tenant(
    people: dict[Role, Client], cast: Cast, route: str, permission: str
) -> None:
    own = {role: send(client, route, "acme") for role, client in people.items()}
    there = {role: send(client, route, "globex") for role, client in people.items()}
    nowhere = send(people["owner"], route, "nowhere")

    for role, answer in own.items():
        if permission in PERMISSIONS_OF[role]:
            assert answer.status_code not in (401, 403), role
            assert answer.status_code < 500, role
            assert problem(answer) != "tenant_not_found", role
        else:
            assert (answer.status_code, problem(answer)) == (403, "not_permitted"), role
    for role, answer in there.items():
        assert (answer.status_code, problem(answer)) == (404, "tenant_not_found"), role
        assert without_request(answer, "globex") == without_request(nowhere, "nowhere"), role


@pytest.mark.parametrize(("route", "permission"), ROUTES)
def test_a_key_may_what_its_scopes_say_and_nothing_in_another_tenant(
    cast: Cast, bearer: Bearer, route: str, permission: str
) -> None:
    everything = PERMISSIONS_OF["owner"]

    lacking = send(bearer(cast.acme, everything - {permission}), route, "acme")
    having = send(bearer(cast.acme, {permission}), route, "acme")
    elsewhere = send(bearer(cast.acme, everything), route, "globex")

    assert (lacking.status_code, problem(lacking)) == (403, "not_permitted")
    assert having.status_code not in (401, 403)
    assert having.status_code < 500
    assert (elsewhere.status_code, problem(elsewhere)) == (404, "tenant_not_found")


def test_every_role_and_every_permission_stands_in_one_table(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        assert set(MATRIX.values()) <= PERMISSIONS_OF["owner"]
    assert tuple(PERMISSIONS_OF) == ROLES


def send(client: Client, route: str, tenant: str) -> Any:
    method, _, path = route.partition(" ")
    names = {"tenant": tenant, "name": "TOKEN"}
    url = "/api/v1/" + re.sub(
        r"<name:(\w+)>", lambda match: names.get(match[1], ABSENT), path.replace("<int:number>", "1")
    )
    return getattr(client, method)(url, data={} if method == "get" else "{}", content_type="application/json")


def problem(answer: Any) -> str | None:
    if "problem+json" not in answer.headers.get("Content-Type", ""):
        return None
    code: str = answer.json()["code"]
    return code


def without_request(answer: Any, tenant: str) -> dict[str, object]:
    """The problem, but for what must differ."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return {name: value.replace(tenant, "…") if isinstance(value, str) else value for name, value in body.items()}
