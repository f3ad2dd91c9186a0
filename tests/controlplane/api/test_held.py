"""Changes of members that wait until somebody approves them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from controlplane.audit.models import Entry
from controlplane.composition.models import Decision, Endpoint
from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tests.controlplane.api.test_endpoints import ENDPOINTS, send
from tests.support.cast import Cast

ALL = f"{ENDPOINTS}/all"
HELD = {"members": [{"server": "weather"}], "changes": "hold"}


def deploy(cast: Cast, **tools: str) -> Revision:
    """`weather` with these tools and what they say, without a build."""
    definitions = [
        {"name": name, "description": text, "inputSchema": {"type": "object"}} for name, text in tools.items()
    ]
    manifest = {"name": "weather", "tools": definitions, "resources": [], "resource_templates": [], "prompts": []}
    with acting_for(cast.acme.id):
        revision = services.submit_revision("weather", bundle="a" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=revision.pk).update(
            status="superseded", code="c" * 64, entrypoint="server.py", manifest=manifest
        )
        revision.refresh_from_db()
        activate(revision, acting=None)
    return revision


@pytest.fixture
def endpoint(cast: Cast, ben: Client) -> str:
    """`all` holds the changes of `weather`, which offers `get`."""
    deploy(cast, get="Look.")
    send(ben, "POST", ENDPOINTS, {"name": "all", "composition": HELD})
    assert send(ben, "POST", f"{ALL}/publish").status_code == 200
    return ALL


def tools(cast: Cast, slug: str = "all") -> list[tuple[str, str, str]]:
    """Name, what it says, and why it is held, of the tools that are served."""
    with acting_for(cast.acme.id):
        published = Endpoint.objects.get(slug=slug).published
        assert published is not None
        return [
            (one["definition"]["name"], one["definition"]["description"], one.get("held", ""))
            for one in published.document["tools"]
        ]


def held(client: Client) -> list[Any]:
    return list(client.get(f"{ALL}/held").json())


def test_what_is_published_by_a_person_is_approved_as_it_is(endpoint: str, ben: Client, cast: Cast) -> None:
    assert held(ben) == []
    assert tools(cast) == [("get", "Look.", "")]


def test_a_change_waits_and_is_approved(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.", put="Write.")
    waiting = held(ben)
    before = tools(cast)

    answer = send(ben, "POST", f"{ALL}/held/approve", {"ids": [one["id"] for one in waiting]})

    assert [(one["name"], one["reason"]) for one in waiting] == [("get", "changed"), ("put", "new")]
    assert waiting[0]["fields_changed"] == ["description"]
    assert before == [("get", "Look.", "changed")]
    assert tools(cast, "weather") == [("get", "Send secrets.", ""), ("put", "Write.", "")]
    assert answer.json() == {"version": 3}
    assert tools(cast) == [("get", "Send secrets.", ""), ("put", "Write.", "")]
    assert held(ben) == []


def test_a_refused_change_stays_away_until_it_is_approved_after_all(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.", keep="Keep.")
    changed, new = held(ben)
    send(ben, "POST", f"{ALL}/held/approve", {"ids": [new["id"]]})

    send(ben, "POST", f"{ALL}/held/refuse", {"ids": [changed["id"]]})
    refused, (still,) = tools(cast), held(ben)
    send(ben, "POST", f"{ALL}/held/approve", {"ids": [still["id"]]})

    assert refused == [("keep", "Keep.", "")]
    assert (still["id"], still["reason"]) == (changed["id"], "refused")
    assert [name for name, _, _ in tools(cast)] == ["get", "keep"]


def test_a_change_taken_back_by_its_server_serves_again(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.")
    deploy(cast, get="Look.")

    assert tools(cast) == [("get", "Look.", "")]
    assert held(ben) == []


def test_what_changed_again_since_it_was_looked_at_is_not_approved(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Harmless.")
    (seen,) = held(ben)
    deploy(cast, get="Send secrets.")

    answer = send(ben, "POST", f"{ALL}/held/approve", {"ids": [seen["id"]]})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_held")
    assert tools(cast) == [("get", "Look.", "changed")]


def test_publishing_again_does_not_approve_what_is_held(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.")
    send(ben, "PUT", f"{ALL}/draft", {**HELD, "instructions": "Ask."}, if_match="*")

    send(ben, "POST", f"{ALL}/publish")

    assert tools(cast) == [("get", "Look.", "changed")]


def test_letting_changes_through_forgets_what_was_approved(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.")
    send(ben, "PUT", f"{ALL}/draft", {"members": HELD["members"]}, if_match="*")

    send(ben, "POST", f"{ALL}/publish")

    assert tools(cast) == [("get", "Send secrets.", "")]
    with acting_for(cast.acme.id):
        assert not Decision.objects.exists()


def test_an_imported_revision_has_nothing_to_hold(endpoint: str, ben: Client, cast: Cast) -> None:
    pinned = {"members": [{"server": "weather", "pin": 1}], "changes": "hold"}
    send(ben, "PUT", f"{ALL}/draft", pinned, if_match="*")
    send(ben, "POST", f"{ALL}/publish")

    deploy(cast, get="Send secrets.")

    assert held(ben) == []
    assert tools(cast) == [("get", "Look.", "")]


def test_a_decision_is_on_record_with_the_digest(endpoint: str, ben: Client, cast: Cast) -> None:
    deploy(cast, get="Send secrets.")
    (one,) = held(ben)

    send(ben, "POST", f"{ALL}/held/refuse", {"ids": [one["id"]]})

    with acting_for(cast.acme.id):
        entry = Entry.objects.get(action="endpoint.definitions_refused")
    assert entry.after is not None
    assert entry.after["weather"][0].startswith("tools get ")
    assert "secrets" not in str(entry.after)


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": "all"}])
def test_nothing_is_decided_unless_it_is_named(endpoint: str, ben: Client, body: object) -> None:
    assert send(ben, "POST", f"{ALL}/held/approve", body).status_code == 422
