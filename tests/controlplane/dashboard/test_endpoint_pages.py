"""Endpoints in the browser: composed, published, restored, connected."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from controlplane.composition import publishing, services
from controlplane.composition.models import Decision, Endpoint
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tests.support.cast import Cast

ENDPOINTS = "/tenants/acme/endpoints/"
TEAM = "/tenants/acme/endpoints/team/"


def endpoint(cast: Cast, slug: str = "team") -> Endpoint:
    with acting_for(cast.acme.id):
        return services.find_endpoint(slug)


@pytest.fixture
def team(ben: Client, cast: Cast, revision: Revision) -> Endpoint:
    """Empty, beside the server `weather`."""
    ben.post(ENDPOINTS, {"name": "team"})
    return endpoint(cast)


def test_a_new_endpoint_is_filled_published_and_served(ben: Client, cast: Cast, team: Endpoint) -> None:
    added = ben.post(TEAM, {"do": "add", "server": "weather", "draft_number": team.draft_number}, follow=True)
    assert "get_forecast" in added.content.decode()
    assert endpoint(cast).published is None

    ben.post(TEAM, {"do": "publish", "draft_number": endpoint(cast).draft_number, "note": "For the team"})

    published = endpoint(cast).published
    assert published is not None
    assert published.note == "For the team"


def test_a_member_is_removed_and_the_draft_discarded(ben: Client, cast: Cast, team: Endpoint) -> None:
    ben.post(TEAM, {"do": "add", "server": "weather"})
    ben.post(TEAM, {"do": "remove", "server": "weather"})
    with acting_for(cast.acme.id):
        assert services.drafted(endpoint(cast)).members == ()

    ben.post(TEAM, {"do": "discard"})

    assert endpoint(cast).draft is None


def test_a_draft_that_someone_else_changed_is_not_overwritten(ben: Client, cast: Cast, team: Endpoint) -> None:
    ben.post(TEAM, {"do": "add", "server": "weather"})

    stale = ben.post(TEAM, {"do": "remove", "server": "weather", "draft_number": team.draft_number}, follow=True)

    assert 'role="alert"' in stale.content.decode()
    with acting_for(cast.acme.id):
        assert [member.server for member in services.drafted(endpoint(cast)).members] == ["weather"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "This is no JSON"),
        ('{"members": [{"server": "weather", "colour": "red"}]}', "$.members[0]"),
    ],
)
def test_a_composition_that_cannot_be_read_stays_in_its_field(
    ben: Client, team: Endpoint, document: str, said: str
) -> None:
    answer = ben.post(TEAM, {"do": "save", "document": document})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert document.replace('"', "&quot;") in answer.content.decode()


def test_rules_are_written_as_json(ben: Client, cast: Cast, team: Endpoint) -> None:
    document = {"members": [{"server": "weather", "prefix": "always", "namespace": "sky"}]}

    shown = ben.post(TEAM, {"do": "save", "document": json.dumps(document)}, follow=True).content.decode()

    assert "sky_get_forecast" in shown


def test_a_version_is_restored(ben: Client, cast: Cast, team: Endpoint) -> None:
    ben.post(TEAM, {"do": "add", "server": "weather"})
    ben.post(TEAM, {"do": "publish"})
    renamed = {"members": [{"server": "weather", "prefix": "always"}]}
    ben.post(TEAM, {"do": "save", "document": json.dumps(renamed)})
    ben.post(TEAM, {"do": "publish"})
    changes = ben.get(f"{TEAM}versions/2/").content.decode()
    assert "weather_get_forecast" in changes

    ben.post(TEAM, {"do": "restore", "version": "1"})

    assert endpoint(cast).composition == {"members": [{"server": "weather"}]}


def test_an_empty_endpoint_is_not_published(ben: Client, cast: Cast, team: Endpoint) -> None:
    answer = ben.post(TEAM, {"do": "publish"}, follow=True)

    assert 'role="alert"' in answer.content.decode()
    assert endpoint(cast).published is None


def test_a_clone_has_the_same_draft(ben: Client, cast: Cast, team: Endpoint) -> None:
    ben.post(TEAM, {"do": "add", "server": "weather"})

    ben.post(TEAM, {"do": "clone", "name": "team-2"})

    assert endpoint(cast, "team-2").draft == endpoint(cast).draft


@pytest.mark.parametrize("page", [ENDPOINTS, "endpoints/weather/", "endpoints/weather/connect/"])
def test_an_outsider_finds_nothing(cem: Client, revision: Revision, page: str) -> None:
    assert cem.get(f"/tenants/acme/{page}" if not page.startswith("/") else page).status_code == 404


def test_every_client_is_told_the_address(ben: Client, revision: Revision) -> None:
    shown = ben.get("/tenants/acme/endpoints/weather/connect/").content.decode()

    for client in ("Claude", "Claude Code", "ChatGPT", "Cursor", "VS Code", "Codex", "Gemini CLI", "Python", "curl"):
        assert f">{client}</h2>" in shown
    assert "http://127.0.0.1:8000/t/acme/weather/mcp" in shown
    assert 'href="vscode:mcp/install?' in shown
    assert 'href="cursor://' in shown


def test_a_change_is_looked_at_and_approved_on_the_page(ben: Client, cast: Cast, team: Endpoint) -> None:
    ben.post(TEAM, {"do": "save", "document": json.dumps({"members": [{"server": "weather"}], "changes": "hold"})})
    ben.post(TEAM, {"do": "publish"})
    with acting_for(cast.acme.id):
        Decision.objects.update(approved={"name": "get_forecast", "inputSchema": {"type": "object"}})
        (held,) = publishing.held(endpoint(cast))
    shown = ben.get(TEAM).content.decode()
    assert "Held until you approve it" in shown
    assert held.id in shown

    after = ben.post(TEAM, {"do": "approve", "held": held.id}, follow=True).content.decode()

    assert "Held until you approve it" not in after
    with acting_for(cast.acme.id):
        assert publishing.held(endpoint(cast)) == ()
