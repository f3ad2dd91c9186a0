"""Whatever stands in a tenant's rows, and however many there are: pages show it as text, with as many queries."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from controlplane.accounts.models import User
from controlplane.calls.models import Call
from controlplane.registry.models import Server
from controlplane.tasks.models import Task
from tenants import lookups
from tenants.context import acting_for
from tests.controlplane.dashboard.filling import ATTACK, fill
from tests.support.cast import Cast

FEW, MANY = 2, 5
MOST_QUERIES: Final = 25
"""Of a page: the session, the person, their places, the tenant's setting, and what the page is about."""
COUNTING: Final = {"delete_tenant", "installation_tenant"}
"""They count each table of what would be deleted."""
PLAIN: Final = {
    "add_server", "leave", "delete_tenant", "tenant_settings", "security", "add_elsewhere", "playground", "servers",
    "endpoints", "installation_tenant",
}  # fmt: skip
"""Pages that show nothing which others wrote, but names that have a rule, or show it by their scripts."""
SCHEMES: Final = {"", "http", "https", "cursor", "vscode"}
LOADING: Final = {"src", "href", "action", "formaction", "data", "poster", "srcset", "xlink:href"}


def pages() -> dict[str, str]:
    """By name, in acme. The names are those of routes, which have a row each in `test_people`."""
    with acting_for(_acme()):
        server = Server.objects.get(slug="s00")
        revision, failed = server.current_revision_id, server.revisions.filter(status="failed").first()
        task, call = Task.objects.first(), Call.objects.first()
        assert failed is not None
        assert task is not None
        assert call is not None
    below: dict[str, dict[str, Any]] = {
        "server": {"name": "s00"},
        "revision": {"revision": revision},
        "endpoint": {"name": "s00"},
        "version": {"name": "s00", "number": 1},
        "connect": {"name": "s00"},
        "playground": {"name": "s00"},
        "task": {"name": task.id},
        "identity_provider": {"name": "p00"},
        "add_elsewhere": {"kind": "remote"},
        "connection": {"server": "s00"},
    }
    plain = (
        "overview", "servers", "endpoints", "calls", "connections", "keys", "own_keys", "programs", "tasks", "logins",
        "members", "identity_providers", "audit", "tenant_settings", "security", "add_server", "leave",
        "delete_tenant",
    )  # fmt: skip
    found = {name: reverse(name, kwargs={"tenant": "acme"}) for name in plain}
    found |= {name: reverse(name, kwargs={"tenant": "acme", **names}) for name, names in below.items()}
    found["revision that failed"] = reverse("revision", kwargs={"tenant": "acme", "revision": failed.id})
    found |= {name: reverse(name) for name in ("account", "sessions", "installation")}
    found["installation_tenant"] = reverse("installation_tenant", kwargs={"slug": "acme"})
    return found


def _acme() -> str:
    found = lookups.tenant_by_slug("acme")
    assert found is not None
    return found.id


class Faults(HTMLParser):
    """What in a page runs, loads or leads where no page of ours does."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script" and not (given.get("src") or "").startswith("/assets/"):
            self.found.append("a script of nobody's")
        if tag in ("iframe", "object", "embed", "base", "style") or (tag == "img" and given.get("src") == "x"):
            self.found.append(f"<{tag}>")
        for name, value in given.items():
            if name.startswith("on") or name == "style" or "<" in name or "'" in name:
                self.found.append(f"{tag} {name}=")
            if name in LOADING and urlsplit((value or "").strip()).scheme not in SCHEMES:
                self.found.append(f"{tag} {name}={value}")


def faults(content: str) -> list[str]:
    parser = Faults()
    parser.feed(content)
    return parser.found


@pytest.fixture
def owner(cast: Cast, client: Client) -> Client:
    User.objects.filter(pk=cast.ada.pk).update(is_platform_admin=True)
    client.force_login(cast.ada)
    return client


def test_what_others_wrote_is_text_on_every_page(cast: Cast, owner: Client) -> None:
    fill(cast, FEW)
    found = []

    for name, address in pages().items():
        for asked in (address, f"{address}?q={ATTACK}&name={ATTACK}&subject={ATTACK}&action={ATTACK}"):
            answer = owner.get(asked)
            content = answer.content.decode()
            found += [f"{name}: {one}" for one in faults(content)]
            if answer.status_code != 200:
                found.append(f"{name}: {answer.status_code}")
        if name not in PLAIN and escape(ATTACK[:30]) not in content:
            found.append(f"{name}: does not show it, so this test shows nothing")

    assert not found


def test_the_checker_sees_an_attack() -> None:
    assert len(faults(f'<p title="x">{ATTACK}</p>')) >= 3
    assert faults('<a href="javascript:alert(1)">x</a>')
    assert not faults(f'<p title="{escape(ATTACK)}">{escape(ATTACK)}</p>')


def test_no_page_asks_more_of_the_database_for_more_rows(cast: Cast, owner: Client) -> None:
    fill(cast, FEW)
    few = counted(owner)
    fill(cast, MANY, begin=FEW)
    many = counted(owner)

    assert {name: (few[name], number) for name, number in many.items() if number > few[name]} == {}
    assert {name: number for name, number in many.items() if number > MOST_QUERIES and name not in COUNTING} == {}


def counted(browser: Client) -> dict[str, int]:
    counts = {}
    for name, address in pages().items():
        browser.get(address)  # what is fetched once in a while is not what is asked about
        with CaptureQueriesContext(connection) as queries:
            browser.get(address)
        counts[name] = len(queries)
    return counts
