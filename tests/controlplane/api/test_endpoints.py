"""Composing endpoints over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from controlplane.audit.models import Entry
from controlplane.composition.models import Endpoint
from controlplane.registry import services
from controlplane.registry.activation import activate
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.api.conftest import Bearer
from tests.support.cast import Cast

ENDPOINTS = "/api/v1/tenants/acme/endpoints"
BOTH = {"members": [{"server": "weather"}, {"server": "news"}]}


def deploy(tenant: Tenant, slug: str, *tools: str) -> Revision:
    """A revision that is built and active, without a build."""
    manifest = {
        "name": slug,
        "tools": [
            {"name": tool, "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}}}
            for tool in tools
        ],
        "resources": [], "resource_templates": [], "prompts": [],
    }  # fmt: skip
    with acting_for(tenant.id):
        revision = services.submit_revision(slug, bundle="a" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=revision.pk).update(
            status="superseded", code="c" * 64, entrypoint="server.py", manifest=manifest
        )
        revision.refresh_from_db()
        activate(revision, acting=None)
    return revision


def send(client: Client, method: str, path: str, body: object = None, **headers: str) -> Any:
    """`if_match="1"` is the header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.generic(
        method, path, data=json.dumps({} if body is None else body), content_type="application/json", headers=named
    )


@pytest.fixture
def deployed(cast: Cast) -> None:
    deploy(cast.acme, "weather", "get", "forecast")
    deploy(cast.acme, "news", "get", "read")


@pytest.fixture
def all_of_it(deployed: None, ben: Client) -> str:
    """The address of an endpoint with both servers, as a draft."""
    made = send(ben, "POST", ENDPOINTS, {"name": "all", "composition": BOTH})
    assert made.status_code == 201, made.content
    return f"{ENDPOINTS}/all"


def tools(answer: Any) -> list[str]:
    return [tool["name"] for tool in answer.json()["tools"]]


def test_an_endpoint_starts_as_a_draft_and_is_published(all_of_it: str, ben: Client) -> None:
    before = ben.get(all_of_it)

    published = send(ben, "POST", f"{all_of_it}/publish", {"note": "First."})
    after = ben.get(all_of_it).json()

    assert (before.json()["version"], before.json()["has_draft"]) == (None, True)
    assert published.status_code == 200
    assert (published.json()["number"], published.json()["note"]) == (1, "First.")
    assert (after["version"], after["draft"], after["composition"]) == (1, None, BOTH)


def test_a_preview_shows_what_publishing_would_serve(all_of_it: str, ben: Client) -> None:
    preview = ben.get(f"{all_of_it}/preview")

    assert preview.json()["valid"]
    assert tools(preview) == ["weather_get", "forecast", "news_get", "read"]
    assert preview.json()["tools"][0]["original"]["name"] == "get"
    assert preview.json()["tools"][1]["original"] is None
    assert {finding["code"] for finding in preview.json()["findings"]} == {"prefixed"}


def test_a_draft_that_cannot_be_published_is_kept_and_explained(all_of_it: str, ben: Client) -> None:
    wrong = {"members": [{"server": "weather"}, {"server": "nobody"}]}

    saved = send(ben, "PUT", f"{all_of_it}/draft", wrong, if_match="*")
    preview = ben.get(f"{all_of_it}/preview").json()
    published = send(ben, "POST", f"{all_of_it}/publish")

    assert saved.json() == wrong
    assert not preview["valid"]
    assert preview["findings"][0]["where"] == "$.members[1].server"
    assert (published.status_code, published.json()["code"]) == (409, "cannot_compile")
    assert "'nobody'" in published.json()["detail"]


def test_a_composition_can_be_tried_without_being_saved(all_of_it: str, ben: Client) -> None:
    preview = send(ben, "POST", f"{all_of_it}/preview", {"members": [{"server": "news", "prefix": "always"}]})

    assert tools(preview) == ["news_get", "news_read"]
    assert ben.get(f"{all_of_it}/draft").json() == BOTH


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"members": [{"server": 1}]}, "$.members[0].server"),
        ({"members": [{"server": "weather", "prefx": "never"}]}, "$.members[0]"),
        ({"members": [], "prefix": "sometimes"}, "$.prefix"),
        ({"members": [{"server": "weather"}, {"server": "weather"}]}, "$.members[1].server"),
        ({"members": [{"server": "weather", "namespace": "a b"}]}, "$.members[0].namespace"),
        ([], "$"),
    ],
)
def test_what_is_no_composition_is_refused_at_its_place(
    all_of_it: str, ben: Client, document: object, where: str
) -> None:
    answer = send(ben, "PUT", f"{all_of_it}/draft", document, if_match="*")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_composition")
    assert answer.json()["where"] == where


def test_a_draft_changed_by_someone_else_is_not_overwritten(all_of_it: str, ben: Client, ada: Client) -> None:
    read = ben.get(f"{all_of_it}/draft")["etag"]
    first = send(ben, "PUT", f"{all_of_it}/draft", {"members": [{"server": "news"}]}, if_match=read)

    second = send(ben, "PUT", f"{all_of_it}/draft", BOTH, if_match=read)
    blind = send(ben, "PUT", f"{all_of_it}/draft", BOTH)
    stale = send(ben, "POST", f"{all_of_it}/publish", if_match=read)

    assert first["etag"] != read
    assert (second.status_code, second.json()["code"]) == (412, "draft_changed")
    assert blind.status_code == 428
    assert stale.status_code == 412


def test_a_discarded_draft_leaves_what_is_published(all_of_it: str, ben: Client) -> None:
    send(ben, "POST", f"{all_of_it}/publish")
    send(ben, "PUT", f"{all_of_it}/draft", {"members": []}, if_match="*")

    gone = send(ben, "DELETE", f"{all_of_it}/draft", if_match="*")

    assert gone.status_code == 204
    assert ben.get(f"{all_of_it}/draft").json() == BOTH
    assert ben.get(all_of_it).json()["has_draft"] is False


def test_an_endpoint_without_anything_to_serve_is_not_published(cast: Cast, ben: Client) -> None:
    send(ben, "POST", "/api/v1/tenants/acme/servers", {"name": "unbuilt"})
    send(ben, "POST", ENDPOINTS, {"name": "later", "composition": {"members": [{"server": "unbuilt"}]}})

    answer = send(ben, "POST", f"{ENDPOINTS}/later/publish")

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_serve")
    assert "'unbuilt'" in answer.json()["detail"]


def test_a_mount_follows_its_server_and_an_import_does_not(all_of_it: str, cast: Cast, ben: Client) -> None:
    composition = {"members": [{"server": "weather"}, {"server": "news", "pin": 1}]}
    send(ben, "PUT", f"{all_of_it}/draft", composition, if_match="*")
    send(ben, "POST", f"{all_of_it}/publish")

    deploy(cast.acme, "weather", "get", "radar")
    deploy(cast.acme, "news", "nothing")

    versions = ben.get(f"{all_of_it}/versions").json()
    assert [(version["number"], version["cause"]) for version in versions] == [(2, "member"), (1, "published")]
    changes = ben.get(f"{all_of_it}/versions/2").json()["changes"]
    told = {(change["kind"], change["name"], change["what"]) for change in changes}
    assert {("tools", "radar", "added"), ("tools", "forecast", "removed")} <= told
    assert ("tools", "news_get", "changed") not in told
    assert tools(ben.get(f"{all_of_it}/preview")) == ["weather_get", "radar", "news_get", "read"]


def test_a_deploy_that_an_endpoint_cannot_take_is_refused(all_of_it: str, cast: Cast, ben: Client) -> None:
    send(ben, "PUT", f"{all_of_it}/draft", {**BOTH, "prefix": "never"}, if_match="*")
    refused = send(ben, "POST", f"{all_of_it}/publish")
    exclusive = {
        "prefix": "never",
        "members": [{"server": "weather", "exclude": {"names": ["get"]}}, BOTH["members"][1]],
    }
    send(ben, "PUT", f"{all_of_it}/draft", exclusive, if_match="*")
    send(ben, "POST", f"{all_of_it}/publish")

    with pytest.raises(Exception, match="'read'"):
        deploy(cast.acme, "weather", "read")

    assert refused.status_code == 409
    assert ben.get(all_of_it).json()["version"] == 1


def test_a_rollback_composes_as_before_in_one_step(all_of_it: str, cast: Cast, ben: Client) -> None:
    send(ben, "POST", f"{all_of_it}/publish")
    send(ben, "PUT", f"{all_of_it}/draft", {"members": [{"server": "news"}]}, if_match="*")
    send(ben, "POST", f"{all_of_it}/publish")
    deploy(cast.acme, "news", "get", "read", "write")

    restored = send(ben, "POST", f"{all_of_it}/rollback")

    assert restored.status_code == 200
    assert (restored.json()["number"], restored.json()["cause"]) == (4, "rolled_back")
    assert restored.json()["composition"] == BOTH
    assert tools(ben.get(f"{all_of_it}/preview")) == ["weather_get", "forecast", "news_get", "read", "write"]


def test_a_rollback_needs_somewhere_to_go(all_of_it: str, ben: Client) -> None:
    send(ben, "POST", f"{all_of_it}/publish")

    nowhere = send(ben, "POST", f"{all_of_it}/rollback")
    unknown = send(ben, "POST", f"{all_of_it}/rollback", {"version": 9})

    assert (nowhere.status_code, nowhere.json()["code"]) == (409, "nothing_to_restore")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "version_not_found")


def test_a_clone_is_a_draft_of_its_own(all_of_it: str, ben: Client) -> None:
    clone = send(ben, "POST", f"{all_of_it}/clone", {"name": "copy"})
    taken = send(ben, "POST", f"{all_of_it}/clone", {"name": "copy"})
    bad = send(ben, "POST", f"{all_of_it}/clone", {"name": "Copy!"})

    assert (clone.status_code, clone.json()["draft"], clone.json()["version"]) == (201, BOTH, None)
    assert (taken.status_code, taken.json()["code"]) == (409, "endpoint_exists")
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid_endpoint_name")


def test_a_server_s_own_endpoint_can_be_composed_further(deployed: None, cast: Cast, ben: Client) -> None:
    was = ben.get(f"{ENDPOINTS}/weather/draft")
    send(ben, "PUT", f"{ENDPOINTS}/weather/draft", BOTH, if_match=was["etag"])
    send(ben, "POST", f"{ENDPOINTS}/weather/publish")

    deploy(cast.acme, "news", "late")

    assert was.json() == {"members": [{"server": "weather"}], "names": "keep"}
    assert tools(ben.get(f"{ENDPOINTS}/weather/preview")) == ["get", "forecast", "late"]
    assert ben.get(f"{ENDPOINTS}/weather").json()["version"] == 3


def test_what_is_done_is_recorded(all_of_it: str, cast: Cast, ben: Client) -> None:
    send(ben, "PUT", f"{all_of_it}/draft", {"members": [{"server": "news"}]}, if_match="*")
    send(ben, "POST", f"{all_of_it}/publish")
    send(ben, "PUT", f"{all_of_it}/draft", BOTH, if_match="*")
    send(ben, "DELETE", f"{all_of_it}/draft", if_match="*")

    with acting_for(cast.acme.id):
        actions = list(Entry.objects.filter(actor_kind="api_key").values_list("action", flat=True))
    expected = {"endpoint.created", "endpoint.draft_saved", "endpoint.published", "endpoint.draft_discarded"}
    assert expected <= set(actions)


def test_an_outsider_finds_none_of_it(all_of_it: str, cem: Client) -> None:
    for method, path in [
        ("GET", ""), ("GET", "/draft"), ("PUT", "/draft"), ("DELETE", "/draft"), ("GET", "/preview"),
        ("POST", "/preview"), ("POST", "/publish"), ("POST", "/rollback"), ("POST", "/clone"),
        ("GET", "/versions"), ("GET", "/versions/1"),
    ]:  # fmt: skip
        answer = send(cem, method, f"{all_of_it}{path}", {"members": []}, if_match="*")
        assert answer.status_code == 404, (method, path)
    own = send(cem, "POST", "/api/v1/tenants/globex/endpoints", {"name": "x", "composition": BOTH})
    stolen = send(cem, "POST", "/api/v1/tenants/globex/endpoints/x/publish")

    assert own.status_code == 201
    assert "No server named" in stolen.json()["detail"]


def test_who_may_only_look_changes_nothing(all_of_it: str, cast: Cast, bearer: Bearer) -> None:
    viewer = bearer(cast.acme, PERMISSIONS_OF["viewer"])

    refused = [
        send(viewer, "POST", ENDPOINTS, {"name": "x"}),
        send(viewer, "PUT", f"{all_of_it}/draft", BOTH, if_match="*"),
        send(viewer, "POST", f"{all_of_it}/publish"),
        send(viewer, "POST", f"{all_of_it}/rollback"),
        send(viewer, "POST", f"{all_of_it}/clone", {"name": "y"}),
    ]

    assert {answer.status_code for answer in refused} == {403}
    assert viewer.get(f"{all_of_it}/preview").status_code == 200
    with acting_for(cast.acme.id):
        assert set(Endpoint.objects.values_list("slug", flat=True)) == {"weather", "news", "all"}
