"""Another tenant's identifiers, of every kind, on every route of the API and every page: answered as those that nobody
has, and nothing happens to what they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client
from pytest_django import Settings
from ulid import ULID

from controlplane.accounts import invitations
from controlplane.accounts.models import User
from controlplane.composition.models import Endpoint
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Grant
from controlplane.keys.models import ApiKey
from controlplane.registry.models import Server
from controlplane.registry.services import register
from controlplane.tasks.models import Task
from tenants.context import acting_for
from tenants.models import Membership, Tenant
from tests.controlplane.api.test_matrix import LOG, MATRIX, E, T
from tests.controlplane.dashboard.filling import fill
from tests.controlplane.dashboard.test_people import PAGES
from tests.support.cast import Cast
from tests.tenants.test_row_security import TENANT_MODELS

pytestmark = pytest.mark.django_db

Names = dict[str, str]

BODIES: Final[dict[str, Any]] = {
    f"patch {T}/servers/<name:server>": {"hosts": []},
    f"post {T}/servers/<name:server>/rollback": {"revision": None},
    f"put {T}/servers/<name:server>/connection": {"token": "x"},
    f"put {T}/servers/<name:server>/secrets/<name:name>": {"value": "x"},
    f"put {E}/draft": {"members": []},
    f"post {E}/preview": {"members": []},
    f"post {E}/held/approve": {"ids": ["x"]},
    f"post {E}/held/refuse": {"ids": ["x"]},
    f"post {E}/rollback": {"version": 1},
    f"post {E}/clone": {"name": "copy"},
    f"put {T}/identity-providers/<name:provider>": {
        "kind": "openid", "client_id": "x", "settings": {"issuer": "https://id.example"}
    },
    f"patch {T}/members/<name:member>": {"role": "viewer"},
}  # fmt: skip
"""Sound ones, where a route looks the body over before it looks for what the path names."""
BODY_FIRST: Final = {
    f"{method} {T}/servers/<name:server>/{what}"
    for method, what in (
        ("post", "revisions"), ("put", "remote"), ("put", "openapi"), ("put", "static"), ("put", "upstream"),
    )
}  # fmt: skip
"""They make a server of that name where there is none, or ask elsewhere first, if the body is sound: here it is not."""
NOTHING_YET: Final = {f"get {T}/servers/<name:server>/{what}" for what in ("openapi", "static", "connection")}
"""What acme's servers are not, and where nobody has logged in."""

VARYING: Final = ("X-Request-Id", "Content-Length", "RateLimit-")
"""Headers that differ between any two requests."""

NAMING: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "a key's endpoint": (f"post {T}/keys", {"name": "x", "scopes": ["mcp:call"], "endpoint": "{endpoint}"}),
    "an own key's endpoint": (
        f"post {T}/personal-keys", {"name": "x", "scopes": ["mcp:call"], "endpoint": "{endpoint}"}
    ),
    "a program's endpoint": (f"post {T}/programs", {"name": "x", "endpoint": "{endpoint}"}),
    "a revision to go back to": (f"post {T}/servers/<name:own>/rollback", {"revision": "{revision}"}),
    "a member of a preview": (f"post {T}/endpoints/<name:own>/preview", {"members": [{"server": "{server}"}]}),
    "an imported revision": (
        f"post {T}/endpoints/<name:own>/preview", {"members": [{"server": "own", "revision": "{revision}"}]}
    ),
}  # fmt: skip
"""Identifiers in the body, on routes of one's own things."""

BUTTONS: Final[dict[str, tuple[str, Names]]] = {
    "end a login": ("logins/", {"login": "{login}"}),
    "remove a program": ("programs/", {"do": "remove", "program": "{program}"}),
    "revoke a key": ("keys/", {"do": "revoke", "key": "{key}"}),
    "rotate a key": ("keys/", {"do": "rotate", "key": "{key}", "overlap": "0"}),
    "revoke an own key": ("your-keys/", {"do": "revoke", "key": "{key}"}),
    "rotate an own key": ("your-keys/", {"do": "rotate", "key": "{key}", "overlap": "0"}),
    "remove a member": ("members/", {"remove": "{member}"}),
    "change a role": ("members/", {"member": "{member}", "role": "viewer"}),
    "withdraw an invitation": ("members/", {"withdraw": "{invitation}"}),
    "forget a connection": ("connections/", {"do": "forget", "server": "{server}"}),
    "connect": ("connections/", {"server": "{server}", "token": "x"}),
    "roll back": ("servers/own/", {"do": "roll back", "revision": "{revision}"}),
    "make a key": ("keys/", {"name": "x", "scope": "mcp:call", "days": "90", "endpoint": "{endpoint}"}),
    "make a program": ("programs/", {"name": "x", "endpoint": "{endpoint}"}),
}
"""Of pages: where they stand, and what they send."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """Nothing listens to the broker, and the store is the test's own."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)
    settings.STOA_STORE = tmp_path / "store"


@pytest.fixture
def theirs(cast: Cast) -> list[Names]:
    """What acme has of everything, by the names of placeholders; first by identifiers, then by names people give."""
    fill(cast, 1)
    with acting_for(cast.acme.id):
        server, endpoint = Server.objects.get(slug="s00"), Endpoint.objects.get(slug="s00")
        invited = invitations.invite("acme", "viewer", acting=cast.principal(cast.ada, cast.acme))
        names = {
            "server": server.id,
            "revision": str(server.current_revision_id),
            "endpoint": endpoint.id,
            "provider": "p00",
            "key": ApiKey.objects.get(owner="").id,
            "member": Membership.objects.get(user=cast.ben).id,
            "invitation": invited.invitation.id,
            "login": Grant.objects.get().id,
            "program": Program.objects.get(kind=Program.Kind.MANUAL).id,
            "task": Task.objects.get().id,
        }
        own_key = ApiKey.objects.exclude(owner="").get().id
    with acting_for(cast.globex.id):
        register("own", acting=None)
    return [names, names | {"server": "s00", "endpoint": "s00", "key": own_key}]


@pytest.fixture
def cem(cast: Cast) -> Client:
    """The owner of the other tenant, who may everything there."""
    return signed_in(cast.cem)


def signed_in(user: User) -> Client:
    client = Client(headers={"if-match": "*"})
    client.force_login(user)
    return client


def nobodys(names: Names) -> Names:
    """The same kinds of identifier, of nothing."""
    return {
        name: f"{value.partition('_')[0]}_{ULID()}" if "_" in value else value.replace("00", "99")
        for name, value in names.items()
    }


def test_the_api_answers_as_for_what_does_not_exist(theirs: list[Names], cem: Client, cast: Cast) -> None:
    before = state(cast.acme)

    different = []
    for route, names in with_names(theirs):
        foreign, unknown = told(cem, route, names), told(cem, route, nobodys(names))
        if foreign != unknown or foreign[0] not in ((415, 422) if route in BODY_FIRST else (404,)):
            different.append((route, foreign[0], foreign[2], unknown[2]))

    assert different == []
    assert state(cast.acme) == before


def test_and_those_are_the_identifiers_that_their_own_tenant_reads_by(theirs: list[Names], cast: Cast) -> None:
    ada = signed_in(cast.ada)

    unread = {
        route
        for route, names in with_names(theirs)
        if route.startswith("get") and send(ada, route, names, tenant="acme").status_code != 200
    }

    assert unread == NOTHING_YET


def test_a_body_that_names_them_is_answered_as_one_that_names_nothing(
    theirs: list[Names], cem: Client, cast: Cast
) -> None:
    before = state(cast.acme)

    for what, (route, body) in NAMING.items():
        for names in theirs:
            assert told(cem, route, names, body) == told(cem, route, nobodys(names), body), what

    assert state(cast.acme) == before


def test_pages_answer_as_for_what_does_not_exist(theirs: list[Names], cem: Client, cast: Cast) -> None:
    before = state(cast.acme)
    kinds = {"servers": "server", "endpoints": "endpoint", "identity-providers": "provider", "tasks": "task"}

    different = []
    for route in PAGES:
        if "/+/" in route or "<name:form>" in route or route.count("<") < 2:
            continue
        kind = kinds.get(route.removeprefix("tenants/<name:tenant>/").partition("/")[0], "revision")
        for names in theirs:
            asked = [shown(cem, route, kind, some) for some in (names, nobodys(names))]
            if asked[0] != asked[1] or not {404, 405} & set(asked[0][:2]):
                different.append((route, asked[0][:3], asked[1][:3]))

    assert different == []
    assert state(cast.acme) == before


def test_a_button_for_them_is_one_for_nothing(theirs: list[Names], cem: Client, cast: Cast) -> None:
    before = state(cast.acme)

    for what, (place, form) in BUTTONS.items():
        for names in theirs:
            pressed = [press(cem, place, form, some) for some in (names, nobodys(names))]
            assert pressed[0] == pressed[1], what

    assert state(cast.acme) == before


def with_names(theirs: list[Names]) -> Iterator[tuple[str, Names]]:
    """Every route of the API that names more than a tenant, by each kind of name."""
    for route in MATRIX:
        if route.count("<") > 1 and route != LOG:
            yield from ((route, names) for names in theirs)


def send(client: Client, route: str, names: Names, body: Any = None, *, tenant: str = "globex") -> Any:
    method, _, path = route.partition(" ")
    known = {**names, "tenant": tenant, "own": "own", "name": "TOKEN_0", "number": "1"}
    url = "/api/v1/" + re.sub(r"<\w+:(\w+)>", lambda match: known[match[1]], path)
    data = json.dumps(BODIES.get(route, {}) if body is None else body)
    for name, value in names.items():
        data = data.replace(f"{{{name}}}", value)
    return client.generic(method.upper(), url, data, content_type="application/json")


def told(client: Client, route: str, names: Names, body: Any = None) -> tuple[Any, ...]:
    """Status, headers and text, but for the identifier itself and what differs between any two requests."""
    answer = send(client, route, names, body)
    headers = {name: value for name, value in answer.headers.items() if not name.startswith(VARYING)}
    return answer.status_code, headers, neutral(answer.content.decode(), names)


def shown(client: Client, route: str, kind: str, names: Names) -> tuple[Any, ...]:
    """Of a page, looked at and sent to: the statuses, where it leads and the texts."""
    known = {"tenant": "globex", "number": "1", "name": names[kind], "revision": names["revision"]}
    url = "/" + re.sub(r"<\w+:(\w+)>", lambda match: known[match[1]], route)
    looked, sent = client.get(url), client.post(url)
    texts = (looked.headers.get("Location", ""), looked.content.decode(), sent.content.decode())
    return looked.status_code, sent.status_code, *(neutral(text, names) for text in texts)


def press(client: Client, place: str, form: Names, names: Names) -> tuple[Any, ...]:
    filled = {name: value.format_map(names) for name, value in form.items()}
    answer = client.post(f"/tenants/globex/{place}", filled, follow=True)
    return answer.status_code, answer.redirect_chain, neutral(answer.content.decode(), names)


def neutral(text: str, names: Names) -> str:
    for name in sorted(names.values(), key=len, reverse=True):
        text = text.replace(name, "…")
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)
    return re.sub(r"\b(req|key|cli|ep)_[0-9A-Z]{26}\b", "…", text)


def state(tenant: Tenant) -> dict[str, Any]:
    """Every row of every table that the tenant has."""
    with acting_for(tenant.id):
        rows = {model: model._default_manager.order_by("pk").values() for model in TENANT_MODELS}
        return {model._meta.label: list(values) for model, values in rows.items()}
