"""Who gets in, and what everyone else is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from controlplane.api import logs
from controlplane.api.base import TenantView
from controlplane.api.urls import urlpatterns
from controlplane.registry import services
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tenants.roles import PERMISSIONS
from tests.controlplane.api.conftest import Bearer
from tests.support.cast import Cast

METHODS = ("get", "post", "put", "patch", "delete")


def tenant_routes() -> Iterator[tuple[str, str, str]]:
    """(path, method, permission) of every route below a tenant."""
    for pattern in urlpatterns:
        path = str(pattern.pattern)
        if not path.startswith("tenants/"):
            continue
        view = getattr(pattern.callback, "view_class", None)
        if view is None:
            yield path, "get", logs.PERMISSION
            continue
        assert issubclass(view, TenantView), f"{path} is no TenantView"
        for method in METHODS:
            if hasattr(view, method):
                yield path, method, view.permissions[method]


ROUTES = [
    # The log's view queries in a thread of its own, which sees only what was committed.
    pytest.param(
        *route, marks=pytest.mark.django_db(transaction=route[0].endswith("/log")), id=f"{route[1]} {route[0]}"
    )
    for route in tenant_routes()
]


def fill(path: str, tenant: str, revision: str) -> str:
    names = {"tenant": tenant, "server": "weather", "revision": revision, "name": "TOKEN", "key": "key_1"}
    names |= {"login": "grt_1", "program": "cli_1", "endpoint": "weather", "number": "1"}
    names |= {"provider": "google", "member": "mem_1", "invitation": "inv_1", "task": "task_1"}
    return "/api/v1/" + re.sub(r"<\w+:(\w+)>", lambda match: names[match[1]], path)


def send(client: Client, method: str, url: str) -> Any:
    return getattr(client, method)(url, data={} if method == "get" else "{}", content_type="application/json")


@pytest.fixture
def revision(cast: Cast) -> Revision:
    with acting_for(cast.acme.id):
        return services.submit_revision("weather", bundle="a" * 64, file_name="server.py", acting=None)


def test_every_route_below_a_tenant_names_a_permission() -> None:
    permissions = [permission for _, _, permission in tenant_routes()]

    assert len(permissions) >= 16
    assert set(permissions) <= PERMISSIONS


@pytest.mark.parametrize(("path", "method", "permission"), ROUTES)
def test_an_outsider_gets_404_as_for_a_tenant_that_does_not_exist(
    cem: Client, revision: Revision, path: str, method: str, permission: str
) -> None:
    foreign = send(cem, method, fill(path, "acme", revision.id))
    unknown = send(cem, method, fill(path, "nobody", revision.id))

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["code"] == unknown.json()["code"] == "tenant_not_found"
    assert foreign.json()["detail"].replace("acme", "nobody") == unknown.json()["detail"]


@pytest.mark.parametrize(("path", "method", "permission"), ROUTES)
def test_without_a_credential_every_route_answers_401(
    revision: Revision, path: str, method: str, permission: str
) -> None:
    answer = send(Client(), method, fill(path, "acme", revision.id))

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize(("path", "method", "permission"), ROUTES)
def test_a_key_without_the_scope_answers_403(
    bearer: Bearer, revision: Revision, path: str, method: str, permission: str
) -> None:
    client = bearer(scopes=PERMISSIONS - {permission})

    answer = send(client, method, fill(path, "acme", revision.id))

    assert answer.status_code == 403
    assert answer.json()["code"] == "not_permitted"
    assert answer.json()["permission"] == permission


@pytest.mark.django_db(transaction=True)
def test_an_outsider_cannot_name_a_revision_of_another_tenant_in_their_own(cem: Client, revision: Revision) -> None:
    answer = cem.get(f"/api/v1/tenants/globex/revisions/{revision.id}")
    log = cem.get(f"/api/v1/tenants/globex/revisions/{revision.id}/log")

    assert (answer.status_code, log.status_code) == (404, 404)
    assert answer.json()["code"] == log.json()["code"] == "revision_not_found"


@pytest.mark.parametrize(
    "header", ["Bearer stoa_wrong", "Bearer ", "Basic YTpi", "Bearer stoa_aaaaaaaa_" + "x" * 43 + "000000"]
)
def test_a_wrong_key_answers_401(cast: Cast, header: str) -> None:
    answer = Client(headers={"authorization": header}).get("/api/v1/me")

    assert answer.status_code == 401
    assert answer.json()["party"] == "you"


def test_a_key_for_one_endpoint_does_not_open_the_management_api(cast: Cast, bearer: Bearer) -> None:
    client = bearer(audience="ep_01ARZ3NDEKTSV4RRFFQ69G5FAV")

    answer = client.get("/api/v1/tenants/acme/servers")

    assert answer.status_code == 403
    assert answer.json()["code"] == "wrong_audience"


def test_a_session_needs_the_csrf_token_to_write(ada: Client) -> None:
    read = ada.get("/api/v1/tenants/acme/servers")
    write = ada.post("/api/v1/tenants/acme/servers", data={"name": "x"}, content_type="application/json")

    assert read.status_code == 200
    assert write.status_code == 403
    assert write.json()["code"] == "forbidden"


def test_me_tells_a_key_its_tenant_and_scopes(ben: Client) -> None:
    me = ben.get("/api/v1/me").json()

    assert me["kind"] == "api_key"
    assert me["tenants"][0]["slug"] == "acme"
    assert "servers:write" in me["tenants"][0]["scopes"]


def test_me_tells_a_member_their_role(ada: Client, cast: Cast) -> None:
    me = ada.get("/api/v1/me").json()

    assert me["email"] == cast.ada.email
    assert [(place["slug"], place["role"]) for place in me["tenants"]] == [("acme", "owner")]


def test_an_address_that_is_no_route_answers_a_problem(ben: Client) -> None:
    answer = ben.get("/api/v1/nothing/here")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_a_method_that_a_route_does_not_have_answers_405(ben: Client) -> None:
    answer = ben.delete("/api/v1/tenants/acme/servers")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%0a", "x" * 300, "%ff", "..%2f..", "%F0%9F%98%80"])
@pytest.mark.parametrize("path", ["tenants/{}/servers", "tenants/acme/servers/{}", "tenants/acme/revisions/{}"])
def test_a_name_that_can_be_nobody_s_is_not_found(ben: Client, path: str, name: str) -> None:
    answer = ben.get("/api/v1/" + path.format(name))

    assert answer.status_code == 404
    assert answer.json()["party"] == "you"
