"""A credential for parts of an endpoint: the rest is answered like what was never there (PROTOCOL A-10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcp_runtime.ports.plans import Component
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import World, plan, principal

LIMITED = "bGltaXRlZA"
NOWHERE = "bm93aGVyZQ"


@pytest.fixture
def world() -> World:
    world = the_world.build()
    document = plan("weather", "ep_weather")
    secret = Component({"uri": "city://secret", "name": "secret"}, 0, "city://secret")
    document = document.__class__(
        **{name: getattr(document, name) for name in document.__struct_fields__}
        | {"resources": (*document.resources, secret)}
    )
    world.catalogue.publish(document)
    only = frozenset({"ad*", "refuse", "resource:city://{name}"})
    limited = replace(principal("acme", "limited"), only=only)
    world.credentials.grant(LIMITED, limited, tenant="acme")
    elsewhere = replace(principal("acme", "elsewhere"), networks=("203.0.113.0/24",))
    world.credentials.grant(NOWHERE, elsewhere, tenant="acme")
    return world


async def listed(door: Door, method: str, key: str, name: str, *, token: str = LIMITED) -> list[Any]:
    answer = await door.modern(method, token=token)
    return [one[name] for one in answer.json()["result"][key]]


@pytest.mark.protocol("A-10")
async def test_lists_hold_what_the_credential_is_for(door: Door) -> None:
    assert await listed(door, "tools/list", "tools", "name") == ["add", "refuse"]
    assert await listed(door, "prompts/list", "prompts", "name") == []
    assert await listed(door, "resources/list", "resources", "uri") == []
    assert await listed(door, "resources/templates/list", "resourceTemplates", "uriTemplate") == ["city://{name}"]


async def test_others_still_see_everything(door: Door) -> None:
    await listed(door, "tools/list", "tools", "name")

    whole = await listed(door, "tools/list", "tools", "name", token=the_world.ADA)

    assert {"add", "refuse", "fail", "routed"} < set(whole)


async def test_what_it_is_for_can_be_called(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, token=LIMITED)

    assert answer.json()["result"]["structuredContent"] == {"result": 3}


@pytest.mark.protocol("A-10")
@pytest.mark.parametrize(
    ("method", "there", "absent"),
    [
        ("tools/call", {"name": "tell", "arguments": {}}, {"name": "none", "arguments": {}}),
        ("prompts/get", {"name": "greet", "arguments": {"who": "x"}}, {"name": "none", "arguments": {"who": "x"}}),
        ("resources/read", {"uri": "weather://now"}, {"uri": "weather://none"}),
        ("completion/complete", *(
            {"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "who", "value": "x"}}
            for name in ("greet", "none")
        )),
    ],
)  # fmt: skip
async def test_what_is_hidden_is_answered_like_what_is_absent(
    door: Door, method: str, there: dict[str, object], absent: dict[str, object]
) -> None:
    hidden = await door.modern(method, there, token=LIMITED)
    unknown = await door.modern(method, absent, token=LIMITED)

    assert hidden.status_code == unknown.status_code
    assert hidden.json()["error"]["code"] == unknown.json()["error"]["code"]
    names = (str(one.get("name", one.get("uri", "greet"))) for one in (there, absent))
    told, expected = (
        str(answer.json()["error"]).replace(name, "…").replace("none", "…")
        for answer, name in zip((hidden, unknown), names, strict=True)
    )
    assert told == expected
    assert not door.world.server.calls


async def test_a_hidden_resource_is_not_read_through_a_template_that_matches_it(door: Door) -> None:
    hidden = await door.modern("resources/read", {"uri": "city://secret"}, token=LIMITED)
    shown = await door.modern("resources/read", {"uri": "city://lima"}, token=LIMITED)

    assert "error" in hidden.json()
    assert shown.json()["result"]["contents"][0]["uri"] == "city://lima"
    assert [given["uri"] for _, given, _ in door.world.server.calls] == ["city://lima"]


async def test_a_key_is_refused_outside_its_networks_and_that_is_on_record(door: Door) -> None:
    first = await door.modern("tools/list", token=NOWHERE)
    second = await door.modern("tools/list", token=NOWHERE)
    wrong = await door.modern("tools/list", token="wrong")

    assert (first.status_code, second.status_code) == (401, 401)
    assert first.headers["www-authenticate"] == wrong.headers["www-authenticate"]
    assert [(who.subject, fault) for who, fault in door.world.credentials.refusals] == [("key_elsewhere", "address")]


async def test_a_key_counts_in_its_networks(door: Door) -> None:
    here = replace(principal("acme", "here"), networks=("127.0.0.0/8",))
    door.world.credentials.grant("aGVyZQ", here, tenant="acme")

    assert (await door.modern("tools/list", token="aGVyZQ")).status_code == 200
