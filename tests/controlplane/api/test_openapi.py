"""HTTP APIs: their documents imported over the management API, and called through what it saved."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from controlplane.cli.main import main
from controlplane.registry.models import Revision
from mcp_runtime.protocol.errors import McpError
from tenants.context import acting_for
from tests.controlplane.api.apis import HERE, HttpApi, ask, running
from tests.support.cast import Cast

committed = pytest.mark.django_db(transaction=True)
"""A gateway reads in threads of its own, which see only what was committed."""

ACME = "/api/v1/tenants/acme"
TEXT = {"type": "string"}
ID = {"name": "id", "in": "path", "required": True, "schema": TEXT}


@pytest.fixture
def api(settings: Settings) -> Iterator[HttpApi]:
    settings.STOA_FETCH_NETWORKS = HERE
    with running() as api:
        yield api


def pets(**more: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "2.1", "description": "All about pets."},
        "servers": [{"url": "/v1"}],
        "paths": {
            "/pets": {
                "get": {
                    "operationId": "list_pets",
                    "summary": "List pets",
                    "tags": ["pets"],
                    "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                    "responses": {},
                },
                "post": {
                    "operationId": "add_pet",
                    "tags": ["pets"],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                    },
                    "responses": {},
                },
            },
            "/pets/{id}": {
                "get": {"operationId": "get_pet", "tags": ["pets"], "parameters": [ID], "responses": {}},
                "delete": {"operationId": "delete_pet", "tags": ["admin"], "parameters": [ID], "responses": {}},
            },
        },
        "components": {
            "schemas": {
                "Pet": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": TEXT, "mother": {"$ref": "#/components/schemas/Pet"}},
                }
            }
        },
        **more,
    }


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    return client.generic(method, f"{ACME}{path}", data=json.dumps(body or {}), content_type="application/json")


def put(client: Client, api: HttpApi, document: object = None, name: str = "pets", **settings: Any) -> Any:
    text = json.dumps(pets() if document is None else document)
    said = {"base_url": f"{api.url}/v1", **settings}
    return send(client, "PUT", f"/servers/{name}/openapi", {"document": text, "settings": said})


def call(endpoint: str, tool: str, /, **arguments: object) -> Any:
    return ask(endpoint, "tools/call", tool, **arguments)


def test_a_preview_tells_what_would_become_of_a_document_and_saves_nothing(
    ben: Client, cast: Cast, api: HttpApi
) -> None:
    answer = send(
        ben, "POST", "/openapi/preview", {"document": yaml.safe_dump(pets()), "settings": {"base_url": api.url}}
    )

    found = answer.json()
    assert answer.status_code == 200, answer.content
    assert (found["title"], found["version"], found["base_url"]) == ("Pets", "2.1", api.url)
    assert found["components"]["tools"] == ["list_pets", "add_pet", "get_pet", "delete_pet"]
    assert found["operations"][0] == {
        "operation": "list_pets",
        "method": "GET",
        "path": "/pets",
        "summary": "List pets",
        "becomes": "tool",
        "name": "list_pets",
        "tags": ["pets"],
    }
    with acting_for(cast.acme.id):
        assert not Revision.objects.exists()


@committed
def test_a_document_s_operations_are_tools_that_reach_the_api(ben: Client, api: HttpApi) -> None:
    saved = put(ben, api)

    assert saved.status_code == 200, saved.content
    assert ben.get(f"{ACME}/servers/pets").json()["kind"] == "openapi"
    assert call("pets", "list_pets", limit=3)["structuredContent"] == {"target": "/v1/pets?limit=3"}
    call("pets", "add_pet", name="Rex", mother={"name": "Ada"})
    assert (api.last.method, json.loads(api.last.body)) == ("POST", {"name": "Rex", "mother": {"name": "Ada"}})
    call("pets", "get_pet", id="a/b?c")
    assert api.last.target == "/v1/pets/a%2Fb%3Fc"


@committed
def test_a_document_is_fetched_with_all_that_it_refers_to_even_in_circles(ben: Client, api: HttpApi) -> None:
    document = pets()
    document["components"]["schemas"]["Pet"] = {"$ref": "parts.json#/Pet"}
    parts = {
        "Pet": {
            "type": "object",
            "properties": {"name": {"$ref": "#/Name"}, "mother": {"$ref": "doc.json#/components/schemas/Pet"}},
        },
        "Name": {"type": "string", "maxLength": 5},
    }
    api.say("/specs/doc.json", document)
    api.say("/specs/parts.json", parts)

    saved = send(ben, "PUT", "/servers/pets/openapi", {"settings": {"url": f"{api.url}/specs/doc.json"}})

    assert saved.status_code == 200, saved.content
    assert saved.json()["found"]["base_url"] == f"{api.url}/v1"
    assert [asked.target for asked in api.asked] == ["/specs/doc.json", "/specs/parts.json"]
    with pytest.raises(AssertionError):
        call("pets", "add_pet", name="far too long")
    call("pets", "add_pet", name="Rex", mother={"mother": {"name": "Ada"}})


@committed
def test_rules_choose_and_settings_name_and_describe(ben: Client, api: HttpApi) -> None:
    rules = [{"methods": ["get"], "becomes": "resource"}, {"tags": ["pets"]}, {"becomes": "nothing"}]
    operations = {"add_pet": {"name": "welcome", "description": "A new pet."}, "GET /pets/{id}": {"becomes": "tool"}}

    saved = put(ben, api, rules=rules, operations=operations)

    components = saved.json()["found"]["components"]
    assert components["tools"] == ["welcome", "get_pet"]
    assert components["resources"] == ["resource://list_pets"]
    assert ask("pets", "resources/read", "resource://list_pets")["contents"][0]["text"] == '{"target": "/v1/pets"}'
    [welcome] = [one for one in saved.json()["found"]["operations"] if one["operation"] == "add_pet"]
    assert (welcome["becomes"], welcome["name"]) == ("tool", "welcome")


@committed
def test_a_template_reads_with_its_variables_and_query(ben: Client, api: HttpApi) -> None:
    document = pets()
    document["paths"]["/pets/{id}"]["get"]["parameters"].append({"name": "view", "in": "query", "schema": TEXT})
    saved = put(ben, api, document, rules=[{"methods": ["GET"], "becomes": "resource"}])

    assert saved.json()["found"]["components"]["resource_templates"] == ["resource://get_pet/{id}{?view}"]
    ask("pets", "resources/read", "resource://get_pet/7?view=full")
    assert api.last.target == "/v1/pets/7?view=full"


SCHEMES = {
    "api_key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "in_query": {"type": "apiKey", "in": "query", "name": "key"},
    "in_cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "token": {"type": "http", "scheme": "bearer"},
    "login": {"type": "http", "scheme": "basic"},
}


@committed
@pytest.mark.parametrize(
    ("scheme", "secret", "shown"),
    [
        ("api_key", "k3y", ("x-key", "k3y")),
        ("in_query", "k&y", ("", "/v1/pets?key=k%26y")),
        ("in_cookie", "c00kie", ("cookie", "sid=c00kie")),
        ("token", "t0ken", ("authorization", "Bearer t0ken")),
        ("login", "ada:p", ("authorization", f"Basic {base64.b64encode(b'ada:p').decode()}")),
    ],
)
def test_a_secret_is_sent_as_the_document_s_scheme_says(
    ben: Client, api: HttpApi, scheme: str, secret: str, shown: tuple[str, str]
) -> None:
    document = pets(security=[{scheme: []}])
    document["components"]["securitySchemes"] = SCHEMES
    saved = put(ben, api, document)
    [need] = saved.json()["found"]["credentials"]

    with pytest.raises(McpError) as without:
        call("pets", "list_pets")
    send(ben, "PUT", f"/servers/pets/secrets/{need['secrets'][0]}", {"value": secret})
    call("pets", "list_pets")

    assert (need["scheme"], need["secrets"], need["set"]) == (scheme, [scheme.upper()], False)
    assert without.value.data["code"] == "upstream_credential_missing"  # type: ignore[index]
    assert (api.last.headers.get(shown[0]) if shown[0] else api.last.target) == shown[1]
    assert ben.get(f"{ACME}/servers/pets/openapi").json()["credentials"][0]["set"] is True


@committed
def test_client_credentials_are_exchanged_for_a_token_that_is_kept_and_renewed(ben: Client, api: HttpApi) -> None:
    document = pets(security=[{"oauth": ["pets:read"]}])
    flow = {"tokenUrl": "/token", "scopes": {}}
    document["components"]["securitySchemes"] = {"oauth": {"type": "oauth2", "flows": {"clientCredentials": flow}}}
    api.say("/token", {"access_token": "first", "expires_in": 3600})
    put(ben, api, document)
    for name, value in (("OAUTH_CLIENT_ID", "me"), ("OAUTH_CLIENT_SECRET", "s3cret")):
        send(ben, "PUT", f"/servers/pets/secrets/{name}", {"value": value})

    call("pets", "list_pets")

    token, used = api.asked
    assert token.headers["authorization"] == f"Basic {base64.b64encode(b'me:s3cret').decode()}"
    assert token.body == b"grant_type=client_credentials&scope=pets%3Aread"
    assert used.headers["authorization"] == "Bearer first"


@committed
def test_other_schemes_than_the_document_s_are_used_where_they_are_given(ben: Client, api: HttpApi) -> None:
    put(ben, api, security={"mine": SCHEMES["api_key"]})
    send(ben, "PUT", "/servers/pets/secrets/MINE", {"value": "k3y"})

    call("pets", "list_pets")

    assert api.last.headers["x-key"] == "k3y"


@committed
def test_what_the_api_refuses_is_told_in_its_own_words(ben: Client, api: HttpApi) -> None:
    put(ben, api)
    api.say("/v1/pets", {"error": "limit is too large"}, 422)
    refused = call("pets", "list_pets", limit=9)
    api.say("/v1/pets", b"", 302, location="http://169.254.169.254/")
    led = call("pets", "list_pets")

    assert refused["isError"] is True
    assert "422" in refused["content"][0]["text"]
    assert "limit is too large" in refused["content"][0]["text"]
    assert led["isError"] is True
    assert "redirects are not followed" in led["content"][0]["text"]
    assert len(api.asked) == 2


@committed
def test_files_go_up_and_come_back(ben: Client, api: HttpApi) -> None:
    document = pets()
    upload = {"type": "object", "properties": {"photo": {"type": "string", "format": "binary"}, "note": TEXT}}
    document["paths"]["/photos"] = {
        "post": {
            "operationId": "upload",
            "requestBody": {"content": {"multipart/form-data": {"schema": upload}}},
            "responses": {},
        },
        "get": {"operationId": "download", "responses": {}},
        "put": {
            "operationId": "replace",
            "requestBody": {"content": {"image/png": {"schema": {"format": "binary"}}}},
            "responses": {},
        },
    }
    put(ben, api, document)
    api.answers["/v1/photos"] = (200, {"content-type": "image/png"}, b"\x89PNG")

    call("pets", "upload", photo="AP8=", note="hi")
    assert b'filename="photo"' in api.last.body
    assert b"\x00\xff" in api.last.body
    call("pets", "replace", body="AP8=")
    assert (api.last.body, api.last.headers["content-type"]) == (b"\x00\xff", "image/png")
    [image] = call("pets", "download")["content"]
    assert image == {"type": "image", "data": base64.b64encode(b"\x89PNG").decode(), "mimeType": "image/png"}


@committed
def test_the_next_page_is_hinted_at(ben: Client, api: HttpApi) -> None:
    put(ben, api)
    api.say("/v1/pets", [1], link=f'<{api.url}/v1/pets?page=2&limit=1>; rel="next"')

    answer = call("pets", "list_pets")

    assert answer["structuredContent"] == {"result": [1]}
    assert answer["content"][-1]["text"] == "There is more: the next page has page=2, limit=1."


@committed
def test_a_sync_follows_the_document_and_says_what_changed(ben: Client, api: HttpApi) -> None:
    api.say("/doc.json", pets())
    said = {"url": f"{api.url}/doc.json", "operations": {"add_pet": {"name": "welcome"}}}
    send(ben, "PUT", "/servers/pets/openapi", {"settings": said})
    same = send(ben, "POST", "/servers/pets/openapi/sync")
    document = pets()
    del document["paths"]["/pets/{id}"]["delete"]
    document["paths"]["/pets/{id}"]["put"] = {"operationId": "change_pet", "parameters": [ID], "responses": {}}
    document["paths"]["/pets"]["get"]["summary"] = "All of them"
    api.say("/doc.json", document)

    dry = send(ben, "POST", "/servers/pets/openapi/sync", {"dry_run": True})
    wet = send(ben, "POST", "/servers/pets/openapi/sync")

    expected = {"added": ["tools/change_pet"], "removed": ["tools/delete_pet"], "changed": ["tools/list_pets"]}
    assert same.json()["changed"] is False
    assert (dry.json()["changed"], dry.json()["changes"], dry.json()["revision"]["number"]) == (False, expected, 1)
    assert (wet.json()["changed"], wet.json()["changes"], wet.json()["revision"]["number"]) == (True, expected, 2)
    assert "welcome" in wet.json()["revision"]["components"]["tools"]
    assert ben.get(f"{ACME}/endpoints/pets").json()["version"] == 2


@committed
def test_a_document_that_changed_by_itself_gets_no_credential_sent_elsewhere(ben: Client, api: HttpApi) -> None:
    document = pets(security=[{"token": []}])
    document["components"]["securitySchemes"] = {"token": SCHEMES["token"]}
    api.say("/doc.json", document)
    send(ben, "PUT", "/servers/pets/openapi", {"settings": {"url": f"{api.url}/doc.json"}})
    document["servers"] = [{"url": "https://elsewhere.example"}]
    api.say("/doc.json", document)
    moved = send(ben, "POST", "/servers/pets/openapi/sync")
    document["components"]["securitySchemes"] = {"token": SCHEMES["in_query"]}
    api.say("/doc.json", document)
    asked = send(ben, "POST", "/servers/pets/openapi/sync")

    assert moved.json()["found"]["base_url"] == f"{api.url}/v1"
    assert (asked.status_code, asked.json()["code"]) == (422, "security_changed")


@committed
def test_an_operation_that_cannot_be_served_does_not_keep_the_others_out(ben: Client, api: HttpApi) -> None:
    document = pets()
    document["paths"]["/bad"] = {"get": {"operationId": "bad", "parameters": [{"$ref": "#/nowhere"}], "responses": {}}}
    broken = put(ben, api, document)
    document["paths"]["/bad"] = {
        "post": {
            "operationId": "bad",
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}},
            "responses": {},
        },
        "servers": [],
    }
    document["paths"]["/far"] = {
        "get": {"operationId": "far", "servers": [{"url": "https://far.example"}], "responses": {}}
    }
    saved = send(
        ben,
        "PUT",
        "/servers/pets/openapi",
        {"document": json.dumps({**document, "servers": [{"url": f"{api.url}/v1"}]})},
    )

    assert (broken.status_code, broken.json()["code"]) == (422, "bad_document")
    assert [one["operation"] for one in saved.json()["found"]["left_out"]] == ["bad", "far"], saved.content
    assert len(saved.json()["found"]["components"]["tools"]) == 4


MANY = {
    "openapi": "3.0.3",
    "info": {"title": "Many", "version": "1"},
    "paths": {
        f"/p{n}": {"get": {"operationId": f"op{n}", "tags": [f"t{n % 10}"], "responses": {}}} for n in range(10_000)
    },
}


def test_ten_thousand_operations_are_refused_with_what_to_do_and_chosen_from(ben: Client, api: HttpApi) -> None:
    all_of_them = put(ben, api, MANY)
    some = put(ben, api, MANY, rules=[{"tags": ["t3"]}, {"becomes": "nothing"}])

    assert (all_of_them.status_code, all_of_them.json()["code"]) == (422, "too_many_operations")
    assert "rules" in all_of_them.json()["hint"]
    assert len(some.json()["found"]["components"]["tools"]) == 1_000
    assert some.json()["found"]["operations_total"] == 10_000


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("no: document", "bad_document"),
        ("{", "bad_document"),
        ("[1]", "bad_document"),
        ("[" * 50_000, "document_too_deep"),
        ("{" * 50_000, "document_too_deep"),
        ("a: " + "[" * 50_000, "document_too_deep"),
        (json.dumps({"swagger": "2.0"}), "bad_document"),
        (json.dumps({"openapi": "3.1.0", "paths": []}), "bad_document"),
        (LAUGHS, "document_too_large"),
        ("openapi: 3.1.0\npaths: !!python/object/apply:os.system [id]", "bad_document"),
        (json.dumps({"openapi": "3.1.0", "paths": {"/x": {"$ref": "file:///etc/passwd"}}}), "bad_reference"),
        (json.dumps({"openapi": "3.1.0", "paths": {"/x": {"$ref": "other.yaml"}}}), "bad_reference"),
        (
            json.dumps({"openapi": "3.1.0", "paths": {"/x": {"$ref": "http://169.254.169.254/x"}}}),
            "upstream_address_refused",
        ),
        (json.dumps({"openapi": "3.1.0", "paths": {"/x": {"$ref": "#/paths/~1x"}}}), "bad_document"),
    ],
)
def test_a_document_that_is_none_is_refused(ben: Client, api: HttpApi, document: str, code: str) -> None:
    body = {"document": document, "settings": {"base_url": api.url}}

    answer = send(ben, "PUT", "/servers/pets/openapi", body)

    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.content


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("/doc.json", 404, "fetch_failed"),
        ("/doc.json", 302, "fetch_failed"),
        ("ftp://example.com/x", 200, "fetch_failed"),
        ("http://user:pw@127.0.0.1/x", 200, "fetch_failed"),
        ("http://10.0.0.1/x", 200, "upstream_address_refused"),
        ("https://[::ffff:10.0.0.1]/x", 200, "upstream_address_refused"),
    ],
)
def test_an_address_without_a_document_is_refused(ben: Client, api: HttpApi, url: str, status: int, code: str) -> None:
    api.say("/doc.json", {}, status, location="/elsewhere")
    url = api.url + url if url.startswith("/") else url

    answer = send(ben, "PUT", "/servers/pets/openapi", {"settings": {"url": url}})

    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.content


@pytest.mark.parametrize(
    "said",
    [
        {"rule": []},
        {"rules": [{"pattern": "(?=x)"}]},
        {"rules": [{"becomes": "prompt"}]},
        {"operations": {"gone": {"name": "x"}}},
        {"operations": {"add_pet": {"name": "not a name"}}},
        {"operations": {"add_pet": {"name": "get_pet"}}},
        {"security": {"tls": {"type": "mutualTLS"}}},
    ],
)
def test_settings_that_cannot_be_are_refused(ben: Client, api: HttpApi, said: dict[str, Any]) -> None:
    answer = put(ben, api, **said)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_settings"), answer.content


def test_a_document_without_an_address_needs_one(ben: Client, api: HttpApi) -> None:
    for base_url in ("", "ftp://x.example", "https://u:p@x.example", "https://x.example/{region}"):
        answer = put(ben, api, base_url=base_url)

        assert (answer.status_code, answer.json()["code"]) == (422, "no_address")


def test_an_outsider_finds_no_api(ben: Client, cem: Client, api: HttpApi) -> None:
    put(ben, api)

    assert send(cem, "PUT", "/servers/pets/openapi", {"document": "x"}).status_code == 404
    assert cem.get(f"{ACME}/servers/pets/openapi").status_code == 404


def test_kinds_do_not_mix_under_one_name(ben: Client, api: HttpApi) -> None:
    send(ben, "POST", "/servers", {"name": "code"})
    put(ben, api)

    over_code = put(ben, api, name="code")
    sync = send(ben, "POST", "/servers/code/openapi/sync")
    refresh = send(ben, "POST", "/servers/pets/refresh")

    assert [answer.json()["code"] for answer in (over_code, sync, refresh)] == ["wrong_kind"] * 3


@committed
def test_a_member_that_is_gone_leaves_the_others_alone(ben: Client, api: HttpApi) -> None:
    put(ben, api)
    put(ben, api, name="gone", base_url="http://127.0.0.1:1")
    composition = {"members": [{"server": "pets"}, {"server": "gone"}], "prefix": "always"}
    send(ben, "POST", "/endpoints", {"name": "both", "composition": composition})
    assert send(ben, "POST", "/endpoints/both/publish").status_code == 200

    with pytest.raises(McpError) as gone:
        call("both", "gone_list_pets")

    assert gone.value.data["code"] == "upstream_failed"  # type: ignore[index]
    assert call("both", "pets_list_pets")["structuredContent"] == {"target": "/v1/pets"}


@committed
def test_the_command_adds_shows_and_syncs(
    ben: Client,
    api: HttpApi,
    live_server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STOA_URL", live_server.url)
    monkeypatch.setenv("STOA_TENANT", "acme")
    monkeypatch.setenv("STOA_API_KEY", ben.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    api.say("/doc.json", pets())
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"operations": {"add_pet": {"name": "welcome"}}}))

    main(["openapi", "preview", f"{api.url}/doc.json", "--method", "GET"])
    main(
        [
            "openapi",
            "add",
            "pets",
            f"{api.url}/doc.json",
            "--tag",
            "pets",
            "--settings",
            str(tmp_path / "settings.yaml"),
        ]
    )
    main(["openapi", "sync", "pets", "--dry-run"])
    main(["openapi", "sync", "pets"])
    main(["openapi", "show", "pets"])
    (tmp_path / "doc.json").write_text(json.dumps(pets()))
    main(["openapi", "add", "pets", str(tmp_path / "doc.json"), "--base-url", api.url])
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(pets())))
    main(["openapi", "add", "pets", "-", "--base-url", api.url])

    said = capsys.readouterr()
    assert "pets serves revision 1 at " in said.out
    assert "pets offers what it did." in said.out
    assert "welcome" in said.out
    assert "pets serves revision 3 at " in said.out
    assert "tool      get_pet" in said.out
