from __future__ import annotations

from typing import Any

import pytest

from controlplane.registry import manifests
from controlplane.registry.errors import ManifestError
from mcp_runtime.ports.workers import Manifest


def tool(name: Any = "x", **more: Any) -> dict[str, object]:
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def deep(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


def test_a_manifest_keeps_the_order_of_what_it_says() -> None:
    properties = {"zone": {"type": "string"}, "at": {"type": "string"}}

    document: Any = manifests.check(
        Manifest(name="x", tools=[tool(inputSchema={"type": "object", "properties": properties})])
    )

    assert list(document["tools"][0]["inputSchema"]["properties"]) == ["zone", "at"]


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (Manifest(name=""), "bad_name"),
        (Manifest(name="x" * 300), "bad_name"),
        (Manifest(name="a\x1b[2J"), "bad_name"),
        (Manifest(name="x", instructions="a\0b"), "nul_character"),
        (Manifest(name="x", instructions="x" * 5_000_000), "manifest_too_large"),
        (Manifest(name="x", tools=[{"inputSchema": {}}]), "bad_manifest"),
        (Manifest(name="x", tools=[tool(3)]), "bad_manifest"),
        (Manifest(name="x", tools=[tool(""), tool("b")]), "bad_name"),
        (Manifest(name="x", tools=[tool(), tool()]), "duplicate_component"),
        (Manifest(name="x", tools=[tool(inputSchema=[])]), "bad_schema"),
        (Manifest(name="x", tools=[tool(inputSchema={"type": "string"})]), "bad_schema"),
        (Manifest(name="x", tools=[tool(inputSchema={"type": "objct"})]), "bad_schema"),
        (Manifest(name="x", tools=[tool(outputSchema={"type": 3})]), "bad_schema"),
        (Manifest(name="x", tools=[tool(inputSchema=deep(100))]), "definition_too_deep"),
        (
            Manifest(name="x", tools=[tool(inputSchema={"type": "object", "$comment": "x" * 300_000})]),
            "schema_too_large",
        ),
        (Manifest(name="x", tools=[tool(str(number)) for number in range(2001)]), "too_many_components"),
        (Manifest(name="x", resources=[{"uri": "a://b"}, {"uri": "a://b"}]), "duplicate_component"),
        (Manifest(name="x", prompts=[{"name": None}]), "bad_manifest"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_hint(manifest: Manifest, code: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifests.check(manifest)

    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    "reference", ["http://169.254.169.254/latest", "file:///etc/passwd", "https://x.example/s.json"]
)
def test_a_schema_cannot_make_the_platform_fetch(reference: str) -> None:
    schema = {"type": "object", "properties": {"x": {"$ref": reference}}}

    with pytest.raises(ManifestError) as caught:
        manifests.check(Manifest(name="x", tools=[tool(inputSchema=schema)]))

    assert caught.value.code == "bad_schema"
