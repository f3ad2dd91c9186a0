"""Documents of real APIs: imported, and each request judged by a validator that is not ours."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import jsonschema_rs
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from controlplane.registry.openapi.operations import Imported, imported
from controlplane.registry.openapi.settings import ApiSettings, Rule
from mcp_runtime.connectors.api_credentials import Credentials
from mcp_runtime.connectors.openapi import arguments_of, built
from mcp_runtime.connectors.outbound import COOKIE
from mcp_runtime.ports.apis import Operation
from tests.controlplane.registry.samples import sample

FOLDER = Path(__file__).parent / "documents"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))
BASE = "https://api.example.com/base"
EACH = {"github": 12}
"""Of the largest, every so many operations are judged: the validator takes its time."""
EXCUSED = {
    "figma": {"POST /v1/files/{file_key}/variables": "arguments cannot say that one of them is needed, whichever"},
    "github": {
        "POST /repos/{owner}/{repo}/code-scanning/alerts/{alert_number}/autofix": "the document's parameter is readOnly"
    },
    "readme-legacy": {
        "POST /api-specification": "a form that is required, of fields that are not: without fields it is empty",
        "PUT /api-specification/{id}": "the same",
    },
    "scalar-galaxy": {
        "POST /planets": "the validator wants what is readOnly",
        "PUT /planets/{planetId}": "the same",
        "POST /planets/{planetId}/image": "the validator takes files for texts",
    },
    "parameters-style": {
        "GET /cookies": "OpenAPI does not say how an object explodes in a cookie",
        "GET /cookies#formExploded": "the same",
        "GET /cookies#formNonExploded": "the validator knows no fragments",
        **{
            f"{method} /anything/path/{style}/{{primitive}}/{{array}}/{{object}}": "the validator does not read these"
            for method in ("GET", "POST")
            for style in ("matrix", "label")
        },
        "POST /anything/path/simple/{primitive}/{array}/{object}": "an empty object is an empty segment",
        **{
            f"{method} /anything/form-data/{style}": "parts of lists and objects are written once each, as JSON"
            for method, style in (
                ("GET", "spaceDelimited"),
                ("PUT", "form"),
                ("POST", "form"),
                ("POST", "pipeDelimited"),
                ("POST", "deepObject"),
            )
        },
    },
}
"""Operations that are not judged, and why."""


@cache
def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return found


def of(name: str) -> Imported:
    return imported(document(name), ApiSettings(base_url=BASE))


def test_there_are_documents() -> None:
    assert len(NAMES) >= 15
    assert len(of("github").manifest.tools) > 1_200


@pytest.mark.parametrize("name", NAMES)
def test_a_real_document_is_imported_whole(name: str) -> None:
    result = of(name)

    left_out = [one.operation for one in result.left_out]
    assert left_out == (["POST /anything/mutualTLS"] if name == "security" else [])
    assert len(result.manifest.tools) == len(result.listed) - len(left_out) > 0


def test_rules_choose_from_a_large_document() -> None:
    rules = (
        Rule(tags=("issues",), methods=("GET",), becomes="resource"),
        Rule(tags=("issues",)),
        Rule(becomes="nothing"),
    )

    result = imported(document("github"), ApiSettings(base_url=BASE, rules=rules))

    assert len(result.manifest.tools) > 20
    assert any("{owner}" in str(one["uriTemplate"]) for one in result.manifest.resource_templates)


@pytest.mark.filterwarnings("ignore:Unsupported scheme type")
@pytest.mark.parametrize("name", NAMES)
async def test_each_request_is_what_the_document_asks_for(name: str) -> None:
    result = of(name)
    judge = OpenAPI.from_dict({**document(name), "servers": [{"url": BASE}]}, config=Config(spec_validator_cls=None))
    secrets = {secret: "s3cret" for scheme in result.api.schemes.values() for secret in scheme.secrets}
    credentials = Credentials(result.api, secrets, lambda url: _token_endpoint())
    wrong: dict[str, str] = {}
    judged = 0
    for tool in result.manifest.tools[:: EACH.get(name, 1)]:
        schema: Any = tool["inputSchema"]
        operation = result.api.tools[str(tool["name"])]
        if f"{operation.method} {operation.path}" in EXCUSED.get(name, {}):
            continue
        for optional in (False, True):
            arguments = sample(schema, optional=optional)
            if not jsonschema_rs.is_valid(schema, arguments):
                continue
            judged += 1
            request = built(
                CLIENT, BASE, operation, arguments_of(operation).request(arguments), await credentials.entry(operation)
            )
            try:
                judge.validate_request(Judged(request, operation))
            except OpenAPIError as error:
                wrong[f"{operation.method} {operation.path}"] = f"{error!r} {error.__cause__!r} {arguments}"[:600]

    assert wrong == {}
    assert judged >= len(result.manifest.tools[:: EACH.get(name, 1)]) - len(EXCUSED.get(name, {}))


CLIENT = httpx2.AsyncClient()


def _token_endpoint() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json={"access_token": "t"}))
    )


class Judged:
    """A request as the validator reads it."""

    def __init__(self, request: httpx2.Request, operation: Operation) -> None:
        url = request.url
        self.host_url = f"{url.scheme}://{url.host}"
        self.path = url.raw_path.decode().partition("?")[0]
        self.full_url_pattern = self.host_url + self.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "")
        self.body = request.read() or None
        # OpenAPI has these parameters ignored; the validator judges them nevertheless.
        headers = {"authorization": "x", **request.headers}
        del headers["accept"]
        cookies = dict(one.split("=", 1) for one in request.extensions.get(COOKIE, "").split("; ") if one)
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(url.params.multi_items()),
            header=Headers(headers),
            cookie=ImmutableMultiDict({key: unquote(value) for key, value in cookies.items()}),
        )
