"""`server.json` of the MCP Registry: what becomes of it, and why one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.registry.server_json import InvalidServerJson, entry_of, is_one

STDIO = {"type": "stdio"}


def document(**more: Any) -> dict[str, Any]:
    return {"name": "io.github.ada/weather", "description": "Forecasts.", "version": "1.2.3", **more}


def package(kind: str = "npm", **more: Any) -> dict[str, Any]:
    return {"registryType": kind, "identifier": "@ada/weather", "version": "1.2.3", "transport": STDIO, **more}


def refused(*given: Any, **values: Any) -> InvalidServerJson:
    with pytest.raises(InvalidServerJson) as caught:
        entry_of(*given, **values)
    return caught.value


def test_a_package_of_npm_is_started_in_the_version_that_it_names() -> None:
    name, entry = entry_of(document(packages=[package(runtimeHint="npx", runtimeArguments=[])]), {})

    assert name == "weather"
    assert entry == {"command": "npx", "args": ["-y", "@ada/weather@1.2.3"], "env": {}}


def test_arguments_and_environment_have_their_values_defaults_and_what_was_given() -> None:
    wanted = package(
        "pypi",
        identifier="ada-weather",
        packageArguments=[
            {"type": "positional", "value": "serve"},
            {"type": "named", "name": "--units", "default": "metric", "choices": ["metric", "imperial"]},
            {"type": "named", "name": "-r", "valueHint": "region", "isRequired": True},
            {"type": "positional", "valueHint": "folder", "isRepeated": True},
            {"type": "named", "name": "--left-out"},
        ],
        environmentVariables=[
            {"name": "TOKEN", "isRequired": True, "isSecret": True},
            {"name": "BASE", "value": "https://{host}/{kept}", "variables": {"host": {"default": "api.example"}}},
            {"name": "OPTIONAL"},
        ],
    )

    _, entry = entry_of(document(packages=[wanted]), {"region": ["eu"], "folder": ["/a", "/b"], "TOKEN": ["s=cret"]})

    assert entry["args"] == ["ada-weather@1.2.3", "serve", "--units=metric", "-r", "eu", "/a", "/b"]
    assert entry["env"] == {"TOKEN": "s=cret", "BASE": "https://api.example/{kept}"}


def test_an_address_goes_before_a_package_and_http_before_sse() -> None:
    remotes = [
        {"type": "sse", "url": "https://weather.example/sse"},
        {
            "type": "streamable-http",
            "url": "https://{tenant}.weather.example/mcp",
            "variables": {"tenant": {"isRequired": True}},
            "headers": [{"name": "Authorization", "value": "Bearer {key}", "variables": {"key": {"isSecret": True}}}],
        },
    ]
    both = document(remotes=remotes, packages=[package()])

    _, entry = entry_of(both, {"tenant": ["acme"], "key": ["{tenant}"]})
    _, installed = entry_of(both, {}, package=True)

    assert entry == {
        "type": "streamable-http",
        "url": "https://acme.weather.example/mcp",
        "headers": {"Authorization": "Bearer {tenant}"},
    }
    assert installed["command"] == "npx"


def test_all_that_is_missing_is_named_with_how_to_give_it() -> None:
    error = refused(
        document(
            packages=[
                package(
                    packageArguments=[{"type": "positional", "valueHint": "region", "isRequired": True}],
                    environmentVariables=[{"name": "TOKEN", "isRequired": True, "isSecret": True}],
                )
            ]
        ),
        {},
    )

    assert error.message == "It needs values for: TOKEN, region."
    assert error.hint.startswith("Give them: --set TOKEN --set region=value.")


@pytest.mark.parametrize(
    ("packages", "message", "hint"),
    [
        ([package("oci", identifier="ghcr.io/ada/weather:1")], "oci ghcr.io/ada/weather:1", "stoa remote set"),
        ([package("nuget"), package("mcpb")], "nuget @ada/weather, mcpb @ada/weather", "Unpack the bundle"),
        ([package("maven")], "maven", "Packages of 'maven' are not run here"),
        ([package(transport={"type": "streamable-http", "url": "http://localhost:1/mcp"})], "npm", "stoa remote set"),
        ([package(registryBaseUrl="https://npm.example")], "npm", "Only packages of https://registry.npmjs.org"),
        ([package(version="latest")], "npm", "'latest' is no version"),
        ([package(version="")], "npm", "'' is no version"),
        ([package(environmentVariables=[{"value": "x"}])], "has no name", "schema"),
        ([package(version="1.x")], "npm", "'1.x' is no version"),
        ([package(identifier="--from=x")], "npm", "is no name of a package"),
        ([package(fileSha256="0" * 64)], "npm", "is not compared"),
        ([package(runtimeHint="docker", runtimeArguments=[{"value": "-v"}])], "npm", "for 'docker'"),
        ([package(runtimeArguments=[{"name": "--package", "value": "other"}])], "something else", "by hand"),
        ([package(runtimeArguments=[{"value": "other"}])], "something else", "by hand"),
        (
            [package(packageArguments=[{"name": "--key", "isSecret": True, "isRequired": True}])],
            "is a secret",
            "environ",
        ),
        ([package(packageArguments=[{"type": "positional"}])], "neither a value nor a name", "schema"),
        ([{"registryType": "npm"}], "is no server.json", "schema"),
        ([], "names no package", "--package"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_remedy(packages: list[Any], message: str, hint: str) -> None:
    error = refused(document(packages=packages), {})

    assert message in error.message
    assert hint in error.hint


def test_the_first_package_that_can_run_is_taken() -> None:
    found = document(packages=[package("oci"), package("pypi", identifier="ada-weather")])

    assert entry_of(found, {})[1]["args"] == ["ada-weather@1.2.3"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": ["kelvin"]}, "'units' has none of its values."),
        ({"units": ["metric", "imperial"]}, "'units' is given twice."),
        ({"unit": ["metric"]}, "It asks for no 'unit'."),
    ],
)
def test_a_value_that_is_not_asked_for_is_refused(given: dict[str, list[str]], message: str) -> None:
    units = {"type": "named", "name": "--units", "choices": ["metric", "imperial"]}

    assert refused(document(packages=[package(packageArguments=[units])]), given).message == message


def test_an_address_of_another_type_is_refused() -> None:
    assert "'websocket'" in refused(document(remotes=[{"type": "websocket", "url": "wss://x.example"}]), {}).message


@pytest.mark.parametrize(
    ("found", "is_it"),
    [
        (document(remotes=[]), True),
        ({"server": document(packages=[]), "_meta": {}}, True),
        ({"mcpServers": {"a": {"command": "npx"}}}, False),
        ({"servers": {"a": {"url": "https://x.example"}}}, False),
        ([], False),
    ],
)
def test_it_is_told_from_the_settings_of_a_client(found: Any, is_it: bool) -> None:
    assert is_one(found) is is_it
