"""Servers that are no Python, added in the browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from pytest_django import Settings

from controlplane.registry.models import Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.openapi.settings import read_settings
from controlplane.registry.services import find_server
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for
from tests.support.cast import Cast

ADD = "/tenants/acme/servers/+/"
HANDBOOK = {"title": "Handbook", "resources": [{"uri": "handbook://welcome", "name": "welcome", "text": "Welcome."}]}
PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://pets.example"}],
    "paths": {"/pets": {"get": {"operationId": "list_pets", "summary": "List pets", "responses": {}}}},
}


@pytest.fixture(autouse=True)
def _store(settings: Settings, tmp_path: Path) -> None:
    settings.STOA_STORE = tmp_path / "store"


@pytest.mark.parametrize(
    ("kind", "document", "offered"), [("static", HANDBOOK, "handbook://welcome"), ("api", PETS, "list_pets")]
)
def test_a_document_becomes_a_server(
    cast: Cast, ben: Client, kind: str, document: dict[str, object], offered: str
) -> None:
    answer = ben.post(f"{ADD}{kind}/", {"name": "one", "document": json.dumps(document)}, follow=True)

    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/tenants/acme/servers/one/"
    assert offered in page
    assert f"/servers/+/{kind}/?name=one" in page


@pytest.mark.parametrize(
    ("kind", "form", "said"),
    [
        ("static", {"document": "{"}, "not JSON"),
        ("static", {"document": '{"resources": 1}'}, "resources"),
        ("api", {"document": "no: document"}, "document"),
        ("remote", {"url": "ftp://elsewhere.example", "credential": "let-me-in"}, "no address of an MCP server"),
        ("login", {"url": "https://10.0.0.1/mcp", "client_secret": "let-me-in"}, "10.0.0.1"),
    ],
)
def test_what_cannot_be_saved_is_told_and_what_was_entered_stays(
    cast: Cast, ben: Client, kind: str, form: dict[str, str], said: str
) -> None:
    answer = ben.post(f"{ADD}{kind}/", {"name": "one", **form})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert 'value="one"' in page
    assert "let-me-in" not in page
    with acting_for(cast.acme.id):
        assert not Server.objects.exists()


@pytest.mark.parametrize(("kind", "document"), [("static", HANDBOOK), ("api", PETS)])
def test_what_has_no_address_is_not_asked_again(
    cast: Cast, ben: Client, kind: str, document: dict[str, object]
) -> None:
    ben.post(f"{ADD}{kind}/", {"name": "one", "document": json.dumps(document)})

    answer = ben.post("/tenants/acme/servers/one/refresh/", follow=True)

    assert answer.redirect_chain[-1][0] == "/tenants/acme/servers/one/"
    assert b'role="alert"' in answer.content


def test_a_form_begins_with_what_is_saved(cast: Cast, ben: Client) -> None:
    ben.post(f"{ADD}static/", {"name": "one", "document": json.dumps(HANDBOOK)})

    page = ben.get(f"{ADD}static/", {"name": "one"}).content.decode()

    assert "handbook://welcome" in page


def test_what_the_form_does_not_ask_for_stays(cast: Cast, ben: Client, settings: Settings) -> None:
    said = read_settings({"operations": {"list_pets": {"name": "all_pets"}}})
    looked = async_to_sync(apis.looked_at)(said, json.dumps(PETS).encode(), networks=())
    store = Store(settings.STOA_STORE)
    store.prepare()
    with acting_for(cast.acme.id):
        apis.save("pets", looked, store, acting=None, always=True)

    ben.post(f"{ADD}api/", {"name": "pets", "base_url": "https://other.example"})

    with acting_for(cast.acme.id):
        kept, pinned = apis.settings_of(find_server("pets"))
    assert (kept.operations, pinned.base_url) == (said.operations, "https://other.example")


def test_text_that_no_database_keeps_is_a_bad_request(ben: Client, cast: Cast) -> None:
    assert ben.get("/tenants/acme/keys/", {"below": "\0"}).status_code == 400
    assert ben.post("/tenants/acme/keys/", {"do": "revoke", "key": "\0"}).status_code == 400


def test_there_is_no_form_for_a_kind_that_is_none(ben: Client, cast: Cast) -> None:
    assert ben.get(f"{ADD}wish/").status_code == 404
