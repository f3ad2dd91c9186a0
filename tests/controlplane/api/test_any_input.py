"""Whatever is sent to a route of the API, the answer is no fault of ours."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from controlplane.keys.services import create_key
from controlplane.registry.services import register
from tenants.context import acting_for
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.api.conftest import Bearer
from tests.controlplane.api.test_matrix import LOG, MATRIX
from tests.support.cast import Cast

ODD: tuple[Any, ...] = (
    None, True, -1, 2**70, 1e308, "", "x", "\0", "\ud800", "é" * 300, "x" * 70_000, [], [[]], [None, {}], {},
    {"a": {"b": []}},
    "2026-13-45", "https://[", "../..", "=1+1",
)  # fmt: skip
QUERIES = ("", "?cursor=%00&limit=-1&since=x", "?limit=99999999999999999999&before=-1", "?dry_run=true&type=[]")
THERE = {"server": "weather", "endpoint": "weather", "name": "TOKEN"}


@pytest.fixture
def owner(cast: Cast, bearer: Bearer) -> Client:
    """An owner's key, in a tenant with one thing of each common kind."""
    with acting_for(cast.acme.id):
        register("weather", acting=None)
        create_key("some", scopes=["mcp:call"], acting=None)
    return bearer(cast.acme, PERMISSIONS_OF["owner"])


def bodies(fields: list[str]) -> list[Any]:
    """Odd values in place of the whole, and of each field that the route knows."""
    whole: list[Any] = [None, [], "x", 1, {"": None}, {"a": "\0"}]
    return [*whole, *(dict.fromkeys(fields, odd) for odd in ODD)]


@pytest.fixture(scope="module")
def fields() -> dict[str, list[str]]:
    """Of each operation's body, by the description that the API gives of itself."""
    from drf_spectacular.generators import SchemaGenerator

    described: Any = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            properties = described["components"]["schemas"].get(name, {}).get("properties", {})
            found[f"{method} {path}"] = list(properties)
    return found


ROUTES = [pytest.param(route, id=route) for route in MATRIX if route != LOG]


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES)
def test_no_route_fails_on_any_input(owner: Client, fields: dict[str, list[str]], route: str) -> None:
    method, _, path = route.partition(" ")
    url = "/api/v1/" + re.sub(
        r"<(?:name|int):(\w+)>", lambda match: {"tenant": "acme", "number": "1", **THERE}.get(match[1], "absent"), path
    )
    shape = re.sub(r"<(?:name|int):(\w+)>", r"{\1}", path)
    odd = [None] if method in ("get", "delete") else bodies(fields.get(f"{method} /api/v1/{shape}", []))

    for body in odd:
        for query in QUERIES if body is None else ("",):
            answer = owner.generic(method.upper(), url + query, json.dumps(body), content_type="application/json")
            assert answer.status_code < 500, (body, query, answer.content)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/json; charset=x", ""]
)
def test_no_body_of_another_kind_is_a_fault_of_ours(owner: Client, content_type: str) -> None:
    for data in (b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"a":NaN}', b"--x\r\n\r\n"):
        for path in ("keys", "servers", "servers/weather/revisions"):
            answer = owner.generic("POST", f"/api/v1/tenants/acme/{path}", data, content_type=content_type)
            assert answer.status_code < 500, (path, data[:20], answer.content)
