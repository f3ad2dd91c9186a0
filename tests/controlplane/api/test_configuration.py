"""A tenant as one document, over the management API: what is exported can be applied elsewhere, once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from controlplane.audit.models import Entry
from controlplane.cli.main import main
from controlplane.composition.models import Endpoint
from controlplane.declarative import texts
from controlplane.registry import builds
from controlplane.registry.models import Revision, Server
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.api.conftest import Bearer
from tests.controlplane.registry.conftest import StubRunner
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

SERVER = "from fastmcp import FastMCP\n\nmcp = FastMCP('weather')\n"
PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1.0"},
    "servers": [{"url": "https://pets.example.com/v1"}],
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    "security": [{"key": []}],
    "paths": {"/pets": {"get": {"operationId": "list_pets", "responses": {"200": {"description": "ok"}}}}},
}
WHOLE: dict[str, Any] = {
    "stoa": 1,
    "servers": {
        "desk": {
            "kind": "static",
            "document": {
                "resources": [{"uri": "desk://hours", "text": "no\n9 to 5 \n"}, {"uri": "desk://e", "text": "1e5"}]
            },
        },
        "news": {
            "kind": "remote", "secrets": ["UPSTREAM_CREDENTIAL"], "url": "https://news.example.com/mcp",
            "header": "Authorization", "scheme": "Bearer",
        },
        "notes": {"kind": "python", "command": "python 'my server.py'", "files": {"my server.py": "import mcp\n"}},
        "pets": {"kind": "openapi", "secrets": ["KEY"], "document": PETS},
        "weather": {
            "kind": "python", "secrets": ["TOKEN"], "hosts": ["api.example.com"], "entrypoint": "server.py",
            "files": {"data.bin": {"base64": "AP8="}, "server.py": SERVER},
        },
    },
    "endpoints": {
        "all": {"composition": {"members": [{"server": "desk"}, {"server": "weather"}], "prefix": "always"}},
        "desk": {"composition": {"members": [{"server": "desk"}], "names": "keep"}},
        "news": {"composition": {"members": [{"server": "news"}], "names": "keep"}},
        "notes": {"composition": {"members": [{"server": "notes"}], "names": "keep"}},
        "pets": {"composition": {"members": [{"server": "pets"}], "names": "keep"}},
        "weather": {"composition": {"members": [{"server": "weather"}], "names": "keep"}},
    },
    "identity_providers": {
        "github": {
            "kind": "github", "name": "GitHub", "client_id": "Iv1.x",
            "rules": [{"match": "domain", "value": "acme.example", "role": "viewer"}],
        },
    },
}  # fmt: skip


@pytest.fixture
def ann(cast: Cast, bearer: Bearer) -> Client:
    """Everything, at acme."""
    return bearer(cast.acme, PERMISSIONS_OF["owner"])


def apply(client: Client, document: Any, tenant: str = "acme", *, query: str = "", **fields: str) -> Any:
    text = document if isinstance(document, str) else json.dumps(document)
    data = {"document": SimpleUploadedFile("stoa.yaml", text.encode()), **fields}
    return client.post(f"/api/v1/tenants/{tenant}/configuration{query}", data=data)


def export(client: Client, tenant: str = "acme") -> str:
    answer = client.get(f"/api/v1/tenants/{tenant}/configuration")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def built(tenant: Tenant) -> None:
    """What a worker would do."""
    with acting_for(tenant.id):
        waiting = list(Revision.objects.filter(status="queued"))
    for revision in waiting:
        store = Store(Path(django_settings.STOA_STORE))
        asyncio.run(builds.build(revision.id, tenant.id, store=store, connect=StubRunner().connect))


def actions(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.content
    return {f"{one['section']}/{one['name']}": one["action"] for one in answer.json()["changes"]}


def test_what_is_exported_and_applied_elsewhere_is_exported_there_in_the_same_bytes(
    cast: Cast, ann: Client, cem: Client
) -> None:
    for client, tenant, document in ((ann, cast.acme, WHOLE), (cem, cast.globex, None)):
        given = document or export(ann)
        first = apply(client, given, tenant.slug)
        built(tenant)
        second = apply(client, given, tenant.slug)
        third = apply(client, given, tenant.slug)

        assert set(actions(first).values()) == {"create"}
        assert actions(second)["endpoints/all"] == "update"
        assert set(actions(third).values()) == {"unchanged"}

    exported = export(ann)
    assert export(cem, "globex") == exported
    assert texts.load(exported.encode()) == WHOLE
    with acting_for(cast.globex.id):
        assert Endpoint.objects.get(slug="all").published is not None


def test_what_has_to_wait_is_named_and_the_endpoint_is_not_published_before(cast: Cast, ann: Client) -> None:
    answer = apply(ann, WHOLE)

    said = {f"{one['section']}/{one['name']}": one for one in answer.json()["changes"]}
    assert said["servers/weather"]["revision"].startswith("rev_")
    assert said["servers/weather"]["secrets"] == ["TOKEN"]
    assert said["servers/pets"]["secrets"] == ["KEY"]
    assert said["servers/news"]["waits"] == ["the credential of 'news' is not set"]
    assert said["endpoints/all"]["waits"] == ["'weather' is being built"]
    assert said["identity_providers/github"]["waits"][0] == "its client secret is not set"
    with acting_for(cast.acme.id):
        assert Endpoint.objects.get(slug="all").published is None
        assert Revision.objects.filter(server__slug="weather").count() == 1
    apply(ann, WHOLE)
    with acting_for(cast.acme.id):
        assert Revision.objects.filter(server__slug="weather").count() == 1


def test_a_dry_run_shows_the_difference_and_changes_nothing(cast: Cast, ann: Client) -> None:
    desk = {"stoa": 1, "servers": {"desk": {"kind": "static", "document": {"title": "One"}}}}
    apply(ann, desk)
    desk["servers"]["desk"]["document"]["title"] = "Two"  # type: ignore[index]

    tried = apply(ann, desk, query="?dry_run=true")

    assert tried.json()["dry_run"] is True
    [change] = tried.json()["changes"]
    assert change["action"] == "update"
    assert "-  title: One\n+  title: Two" in change["diff"]
    assert "title: One" in export(ann)
    assert actions(apply(ann, WHOLE, query="?dry_run=true"))["servers/weather"] == "create"
    with acting_for(cast.acme.id):
        assert Server.objects.count() == 1


def test_only_pruning_deletes_and_only_in_sections_that_the_document_has(cast: Cast, ann: Client) -> None:
    apply(ann, WHOLE)
    built(cast.acme)
    small = {
        "stoa": 1,
        "servers": {"desk": WHOLE["servers"]["desk"]},
        "endpoints": {"desk": WHOLE["endpoints"]["desk"]},
    }
    kept = actions(apply(ann, small))

    pruned = actions(apply(ann, small, prune="true"))

    assert set(kept.values()) == {"unchanged"}
    assert {name for name, action in pruned.items() if action == "delete"} == {
        "servers/news", "servers/notes", "servers/pets", "servers/weather",
        "endpoints/all", "endpoints/news", "endpoints/notes", "endpoints/pets", "endpoints/weather",
    }  # fmt: skip
    assert list(yaml.safe_load(export(ann))["identity_providers"]) == ["github"]
    with acting_for(cast.acme.id):
        recorded = set(Entry.objects.values_list("action", flat=True))
        assert [server.slug for server in Server.objects.all()] == ["desk"]
    assert {"server.deleted", "endpoint.deleted", "configuration.applied"} <= recorded


def test_a_server_that_an_endpoint_still_has_is_not_pruned(cast: Cast, ann: Client) -> None:
    desk = {"stoa": 1, "servers": {"desk": WHOLE["servers"]["desk"]}}
    apply(ann, desk)

    refused = apply(ann, {"stoa": 1, "servers": {}}, prune="true")

    assert (refused.status_code, refused.json()["where"]) == (422, "$.servers")
    assert "desk" in export(ann)


MEMBERS = {"members": [{"server": "gone"}]}


def one(kind: str, **fields: Any) -> dict[str, Any]:
    """A document of one server."""
    return {"stoa": 1, "servers": {"a": {"kind": kind, **fields}}}


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ("stoa: 1\nservers: &a {}\nendpoints: *a\n", "$"),
        ("stoa: 1\nstoa: 1\n", "$"),
        ("stoa: 1\n---\nstoa: 1\n", "$"),
        ("a: " + "[" * 300 + "]" * 300, "$"),
        ("!!python/object/apply:os.system [ls]", "$"),
        ("{", "$"),
        ([], "$"),
        ({"stoa": 2}, "$.stoa"),
        ({"stoa": True}, "$.stoa"),
        ({"stoa": 1, "people": {}}, "$"),
        ({"stoa": 1, "servers": []}, "$.servers"),
        ({"stoa": 1, "servers": {"A b": {"kind": "static"}}}, "$.servers"),
        (one("static", tools=[]), "$.servers.a"),
        (one("nothing"), "$.servers.a.kind"),
        (one("static", document={"tools": [{"name": "t"}]}), "$.servers.a.document.tools[0]"),
        (one("static", document={"resources": [{"uri": "x://a"}]}), "$.servers.a.document"),
        (one("openapi", document={"openapi": "9"}), "$.servers.a.document"),
        (one("remote", url="ftp://x"), "$.servers.a"),
        (one("python", hosts=["not a host"]), "$.servers.a.hosts[0]"),
        (one("python", files={"server.py": "def ("}), "$.servers.a"),
        (one("python", files={"../x.py": "1"}), "$.servers.a"),
        (one("python", files={"x.py": {"base64": "?"}}), "$.servers.a.files.x.py"),
        (one("python", secrets=["a b"]), "$.servers.a.secrets[0]"),
        ({"stoa": 1, "endpoints": {"a": {"composition": MEMBERS}}}, "$.endpoints.a.composition.members[0].server"),
        ({"stoa": 1, "endpoints": {"a": {"composition": {"members": []}}}}, "$.endpoints.a"),
        ({"stoa": 1, "identity_providers": {"a": {"kind": "nothing"}}}, "$.identity_providers.a"),
    ],
)  # fmt: skip
def test_an_error_names_its_place_and_nothing_is_changed(ann: Client, document: Any, where: str) -> None:
    before = export(ann)
    if isinstance(document, dict) and document.get("stoa") == 1 and isinstance(document.get("servers", {}), dict):
        document = {**document, "servers": {"first": {"kind": "static"}, **document.get("servers", {})}}

    refused = apply(ann, document)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_configuration"), refused.content
    assert refused.json()["where"] == where
    assert export(ann) == before


def test_a_section_that_the_caller_may_not_see_is_left_out_and_not_applied(ben: Client) -> None:
    assert set(yaml.safe_load(export(ben))) == {"stoa", "servers", "endpoints"}
    assert apply(ben, {"stoa": 1, "identity_providers": {}}).status_code == 403


def test_values_of_secrets_are_in_no_export(ann: Client) -> None:
    apply(ann, {"stoa": 1, "servers": {"desk": {"kind": "static"}}})
    path = "/api/v1/tenants/acme/servers/desk/secrets/TOKEN"
    ann.put(path, data='{"value": "canary-93c1"}', content_type="application/json")

    exported = export(ann)

    assert yaml.safe_load(exported)["servers"]["desk"]["secrets"] == ["TOKEN"]
    assert "canary-93c1" not in exported


def test_a_server_of_another_kind_is_not_made_over(ann: Client) -> None:
    apply(ann, {"stoa": 1, "servers": {"desk": {"kind": "static"}}})

    refused = apply(ann, {"stoa": 1, "servers": {"desk": {"kind": "python"}}})

    assert refused.json()["where"] == "$.servers.desk.kind"


def test_the_guide_s_files_are_applied_by_the_commands(
    cast: Cast,
    ann: Client,
    live_server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    guide = Path(__file__).parents[3] / "docs" / "guides" / "configuration-as-code.md"
    example = guide.read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "stoa.yaml").write_text(example)
    (tmp_path / "pets.json").write_text(json.dumps(PETS))
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", ann.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "))

    main(["apply", "-f", str(tmp_path / "stoa.yaml"), "--dry-run"])
    tried = capsys.readouterr()
    main(["apply", "-f", str(tmp_path / "stoa.yaml")])
    applied = capsys.readouterr()
    main(["export"])
    exported = capsys.readouterr().out
    main(["apply", "-f", str(tmp_path / "stoa.yaml")])
    again = capsys.readouterr()

    assert "+ servers/handbook" in tried.out
    assert "stoa secrets set pets KEY" in applied.err
    assert yaml.safe_load(exported)["endpoints"]["office"]["composition"]["prefix"] == "always"
    assert again.out == ""
    assert "unchanged" in again.err
