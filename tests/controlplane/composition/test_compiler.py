from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from controlplane.composition.compiler import Compiled, CompileError, MountedServer, compile_plan
from controlplane.composition.document import read
from controlplane.composition.naming import MAX_NAME
from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.ports.workers import Manifest, Worker

WHERE: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}, "debug": {"type": "boolean"}},
    "required": ["city", "unit"],
}


def server(slug: str, *tools: str | dict[str, object], **manifest: object) -> MountedServer:
    definitions = [
        {"name": tool, "inputSchema": {"type": "object"}} if isinstance(tool, str) else tool for tool in tools
    ]
    worker = Worker(tenant_id="ten_1", server_id=f"srv_{slug}", revision_id="rev_1", code="c", entrypoint="server.py")
    described = msgspec.convert({"name": slug, **manifest, "tools": definitions}, Manifest)
    return MountedServer(f"srv_{slug}", slug, "python", worker, described)


def tagged(name: str, *tags: str) -> dict[str, object]:
    return {"name": name, "inputSchema": {"type": "object"}, "_meta": {"fastmcp": {"tags": list(tags)}}}


def compiled(*servers: MountedServer, strict: bool = True, **composition: Any) -> Compiled:
    """Of these servers; `composition` is more of the document, whose members are the servers unless given."""
    document = {"members": [{"server": one.slug} for one in servers], **composition}
    return compile_plan(
        tenant_id="ten_1",
        tenant="acme",
        endpoint_id="ep_1",
        endpoint="all",
        version=3,
        composition=read(document),
        servers={one.slug: one for one in servers},
        strict=strict,
    )


def plan(*servers: MountedServer, **composition: Any) -> PlanDocument:
    return compiled(*servers, **composition).served()


def names(document: PlanDocument) -> list[str]:
    return [str(tool.definition["name"]) for tool in document.tools]


def test_one_server_introduces_itself() -> None:
    document = plan(server("weather", "get", version="1.2", instructions="Ask away."))

    assert (document.server_name, document.server_version, document.instructions) == ("weather", "1.2", "Ask away.")
    assert document.members[0].worker is not None


def test_several_servers_stand_behind_the_endpoint_s_own_name() -> None:
    document = plan(server("weather", "get", instructions="Ask."), server("news", "read"))

    assert document.server_name == "all"
    assert document.instructions == "weather: Ask."
    assert [(tool.upstream_name, tool.member) for tool in document.tools] == [("get", 0), ("read", 1)]


def test_the_endpoint_s_own_instructions_replace_those_of_its_members() -> None:
    document = plan(server("weather", "get", instructions="Ask."), server("news", "read"), instructions="Both.")

    assert document.instructions == "Both."


def test_two_tools_of_one_name_are_both_prefixed() -> None:
    document = plan(server("weather", "get", "tell"), server("news", "get"))

    assert names(document) == ["weather_get", "tell", "news_get"]
    assert [tool.upstream_name for tool in document.tools] == ["get", "tell", "get"]


def test_a_prefix_can_be_given_always_under_a_word_of_one_s_own() -> None:
    document = plan(
        server("weather", "get"),
        server("news", "read"),
        prefix="always",
        members=[{"server": "weather", "namespace": "wx"}, {"server": "news", "prefix": "never"}],
    )

    assert names(document) == ["wx_get", "read"]


def test_without_prefixes_two_tools_of_one_name_do_not_compile() -> None:
    result = compiled(server("weather", "get"), server("news", "get"), prefix="never")

    with pytest.raises(CompileError) as caught:
        result.served()
    assert "'weather' and 'news'" in caught.value.message
    assert caught.value.hint
    assert caught.value.where == "$.members[1]"


def test_resources_are_prefixed_inside_their_uri() -> None:
    one = {"uri": "data://today", "name": "today"}
    template = {"uriTemplate": "data://days/{day}", "name": "day"}

    document = plan(server("weather", resources=[one], resource_templates=[template]), server("news", resources=[one]))

    assert [(found.definition["uri"], found.upstream_name) for found in document.resources] == [
        ("data://weather/today", "data://today"),
        ("data://news/today", "data://today"),
    ]
    assert document.resource_templates[0].definition["uriTemplate"] == "data://days/{day}"


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        ({"include": {"names": ["get"]}}, ["get"]),
        ({"include": {"tags": ["public"]}}, ["get", "list"]),
        ({"include": {"patterns": ["[gl].*"]}}, ["get", "list"]),
        ({"include": {"patterns": ["e"]}}, []),
        ({"exclude": {"tags": ["danger"]}}, ["get"]),
        ({"include": {"tags": ["public"]}, "exclude": {"names": ["list"]}}, ["get"]),
    ],
)
def test_rules_say_what_is_taken(rules: dict[str, object], taken: list[str]) -> None:
    weather = server("weather", tagged("get", "public"), tagged("list", "public", "danger"), tagged("drop", "danger"))

    document = plan(weather, members=[{"server": "weather", **rules}])

    assert names(document) == taken


@pytest.mark.parametrize("pattern", ["(", r"(?=x)", r"(.)\1"])
def test_a_pattern_that_could_take_for_ever_or_is_none_is_refused(pattern: str) -> None:
    result = compiled(server("weather", "get"), members=[{"server": "weather", "include": {"patterns": [pattern]}}])

    assert result.plan is None
    assert result.findings[0].where == "$.members[0].include.patterns[0]"


def test_a_pattern_meant_to_take_long_does_not() -> None:
    weather = server("weather", "a" * 200 + "!")

    result = compiled(weather, members=[{"server": "weather", "exclude": {"patterns": ["(a+)+"]}}])

    assert result.plan is not None


def test_an_override_changes_what_clients_see_and_not_where_it_leads() -> None:
    own: dict[str, object] = {
        "name": "get",
        "description": "Old.",
        "inputSchema": WHERE,
        "annotations": {"readOnlyHint": True},
    }
    override = {
        "name": "forecast",
        "title": "Forecast",
        "description": "New.",
        "annotations": {"idempotentHint": True},
        "arguments": {"unit": {"value": "c"}, "debug": {"hide": True}, "city": {"description": "Where."}},
    }

    tool = plan(server("weather", own), members=[{"server": "weather", "tools": {"get": override}}]).tools[0]

    assert tool.definition == {
        "name": "forecast",
        "title": "Forecast",
        "description": "New.",
        "annotations": {"readOnlyHint": True, "idempotentHint": True},
        "inputSchema": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Where."}},
            "required": ["city"],
        },
    }
    assert (tool.upstream_name, tool.fixed, set(tool.hidden)) == ("get", {"unit": "c"}, {"unit", "debug"})
    assert own["description"] == "Old."


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"arguments": {"unit": {"value": "kelvin"}}}, "not one that the tool takes"),
        ({"arguments": {"city": {"hide": True}}}, "required"),
        ({"arguments": {"zip": {"hide": True}}}, "no argument 'zip'"),
        ({"annotations": {"readOnlyHint": "yes"}}, "no annotation"),
        ({"name": "get forecast"}, "refuse the characters ' '"),
        ({"name": "x" * 65}, "65 characters"),
    ],
)
def test_an_override_that_cannot_be_is_an_error_at_its_place(override: dict[str, object], said: str) -> None:
    weather = server("weather", {"name": "get", "inputSchema": WHERE})

    result = compiled(weather, members=[{"server": "weather", "tools": {"get": override}}])

    assert result.plan is None
    assert said in result.findings[0].message
    assert result.findings[0].where.startswith("$.members[0].tools.get")


def test_every_fault_is_told_at_once() -> None:
    result = compiled(
        server("weather", {"name": "get", "inputSchema": WHERE}, "get2"),
        server("news", {"name": "read", "inputSchema": {}}),
        members=[
            {"server": "weather", "tools": {"get": {"arguments": {"zip": {"hide": True}}}, "gone": {"title": "x"}}},
            {"server": "news", "include": {"patterns": ["("]}},
        ],
    )

    assert sum(finding.severity == "error" for finding in result.findings) == 3


@pytest.mark.parametrize(("strict", "severity"), [(True, "error"), (False, "warning")])
def test_an_override_of_no_tool_stops_its_author_and_no_deploy(strict: bool, severity: str) -> None:
    members = [{"server": "weather", "tools": {"gone": {"title": "x"}}}]

    result = compiled(server("weather", "get"), members=members, strict=strict)

    assert result.findings[0].severity == severity
    assert "'get'" in result.findings[0].hint


def test_names_that_clients_refuse_are_made_to_fit_the_same_way_each_time() -> None:
    long = "a" * 80
    first, again = (plan(server("weather", "get.now", "päge", long)) for _ in range(2))

    assert names(first) == names(again)
    assert names(first)[0] == "get_now"
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names(first))
    assert [tool.upstream_name for tool in first.tools] == ["get.now", "päge", long]


def test_long_names_that_begin_alike_stay_apart() -> None:
    document = plan(server("weather", "x" * 70 + "1", "x" * 70 + "2"))

    assert len(set(names(document))) == 2
    assert {len(name) for name in names(document)} == {MAX_NAME}


def test_names_that_become_one_by_being_made_to_fit_are_told_apart() -> None:
    document = plan(server("weather", "get_now", "get.now", "get now"))

    assert names(document)[0] == "get_now"
    assert len(set(names(document))) == 3


def test_names_can_be_kept_and_are_then_reported() -> None:
    result = compiled(server("weather", "get.now"), names="keep")

    assert names(result.served()) == ["get.now"]
    assert [(finding.severity, finding.code) for finding in result.findings] == [("warning", "unfit_name")]


def test_a_member_without_a_revision_is_left_out_and_reported() -> None:
    result = compiled(server("weather", "get"), members=[{"server": "news"}, {"server": "weather"}])

    assert names(result.served()) == ["get"]
    assert result.findings[0].code == "not_built"


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "get", "inputSchema": {}},
        {"name": "get", "inputSchema": {"type": "object", "properties": {"a": {"type": "array", "x-mcp-header": "A"}}}},
    ],
)
def test_what_a_gateway_would_refuse_does_not_compile(tool: dict[str, object]) -> None:
    result = compiled(server("weather", tool))

    assert result.plan is None
    assert "'get'" in result.findings[0].message


def test_a_template_that_nothing_matches_does_not_compile() -> None:
    result = compiled(server("weather", resource_templates=[{"uriTemplate": "data://{+a}{+b}{", "name": "x"}]))

    assert result.plan is None


def test_a_plan_survives_being_stored() -> None:
    override = {"arguments": {"unit": {"value": "c"}}}
    weather = server("weather", {"name": "get", "inputSchema": WHERE})
    document = plan(weather, members=[{"server": "weather", "tools": {"get": override}}])

    assert msgspec.json.decode(msgspec.json.encode(document), type=PlanDocument) == document


def test_an_endpoint_may_present_a_search() -> None:
    document = plan(server("weather", "get"), present="search")

    assert document.present == "search"
    assert names(document) == ["get"]


@pytest.mark.parametrize("name", ["search_tools", "call_tool"])
def test_the_names_of_the_search_are_the_endpoints_own(name: str) -> None:
    with pytest.raises(CompileError, match=f"has a tool '{name}'"):
        plan(server("weather", name), present="search")
    assert names(plan(server("weather", name))) == [name]
