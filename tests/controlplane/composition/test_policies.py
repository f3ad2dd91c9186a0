from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
import yaml

from controlplane.composition.document import read, write
from controlplane.composition.errors import InvalidComposition
from controlplane.composition.history import changes
from mcp_runtime.ports.plans import Callers, PlanDocument, Rate
from tests.controlplane.composition.test_compiler import compiled, plan, server, tagged
from tests.support.tables import ROOT


def of_tools(document: PlanDocument) -> dict[str, list[str]]:
    """The names of each tool's policies."""
    return {
        str(tool.definition["name"]): [document.policies[index].name for index in tool.policies]
        for tool in document.tools
    }


def limited(**policy: Any) -> dict[str, Any]:
    return {"name": "p", "rate": {"calls": 1, "seconds": 1}, **policy}


def test_a_policy_holds_for_the_tools_that_its_rule_means() -> None:
    document = plan(
        server("a", tagged("read", "public"), "write", "erase"),
        policies=[
            limited(name="all"),
            limited(name="tagged", tools={"tags": ["public"]}),
            limited(name="matching", tools={"patterns": ["w.*"]}),
            limited(name="named", tools={"names": ["erase"]}),
        ],
    )

    assert of_tools(document) == {"read": ["all", "tagged"], "write": ["all", "matching"], "erase": ["all", "named"]}


def test_names_are_those_that_clients_see() -> None:
    rename = [{"server": "a", "tools": {"get": {"name": "fetch"}}}]

    document = plan(server("a", "get"), members=rename, policies=[limited(tools={"names": ["fetch"]})])

    assert of_tools(document) == {"fetch": ["p"]}


def test_a_plan_without_policies_says_nothing_of_them_in_its_tools() -> None:
    (tool,) = plan(server("a", "get")).tools

    assert "policies" not in msgspec.to_builtins(tool)


def test_a_policy_for_a_tool_that_is_not_there_is_a_fault_of_the_draft() -> None:
    (finding,) = compiled(server("a", "get"), policies=[limited(tools={"names": ["got"]})]).findings

    assert (finding.severity, finding.code, finding.where) == ("error", "unknown_tool", "$.policies[0].tools.names")
    assert "get" in finding.hint


def test_a_server_that_stops_offering_the_tool_does_not_keep_the_endpoint_from_serving() -> None:
    result = compiled(server("a", "get"), strict=False, policies=[limited(tools={"names": ["got"]})])

    assert [one.severity for one in result.findings] == ["warning"]
    assert result.plan is not None


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        ({"name": "p"}, "$.policies[0]"),
        ({"name": "p", "rate": {"calls": 0, "seconds": 1}}, "$.policies[0].rate.calls"),
        ({"name": "p", "rate": {"calls": 1, "seconds": 1, "per": ["person"]}}, "$.policies[0].rate.per[0]"),
        ({"name": "p", "seconds": 0}, "$.policies[0].seconds"),
        ({"name": "p", "max_bytes": -1}, "$.policies[0].max_bytes"),
        ({"name": "p", "deny": {"roles": ["king"]}}, "$.policies[0].deny.roles[0]"),
        ({"name": "p", "retries": 3}, "$.policies[0]"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_its_place(policy: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidComposition) as caught:
        read({"members": [], "policies": [policy]})

    assert caught.value.where == where


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidComposition) as caught:
        read({"members": [], "policies": [limited(), limited()]})

    assert caught.value.where == "$.policies[1].name"


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        ({"name": "p", "scopes": ["mcp:fly"]}, "$.policies[0].scopes"),
        (limited(tools={"patterns": ["(?=x)"]}), "$.policies[0].tools.patterns[0]"),
    ],
)
def test_a_scope_or_pattern_that_is_none_keeps_it_from_publishing(policy: dict[str, Any], where: str) -> None:
    result = compiled(server("a", "get"), policies=[policy])

    assert [(one.severity, one.where) for one in result.findings] == [("error", where)]
    assert result.plan is None


def test_history_tells_which_policy_changed_and_for_which_tools() -> None:
    old, new = (
        msgspec.json.decode(msgspec.json.encode(plan(server("a", "get", "put"), policies=policies)))
        for policies in ([limited(tools={"names": ["get"]})], [limited(seconds=3)])
    )

    assert [(one.kind, one.name, one.what, one.fields) for one in changes(old, new)] == [
        ("policies", "p", "changed", ("seconds",)),
        ("tools", "put", "changed", ("policies",)),
    ]


def test_plans_from_before_policies_are_compared_and_served() -> None:
    old = msgspec.json.decode(msgspec.json.encode(plan(server("a", "get"))))
    del old["policies"]

    assert changes(old, msgspec.json.decode(msgspec.json.encode(plan(server("a", "get"))))) == []
    assert msgspec.convert(old, PlanDocument).policies == ()


def test_the_guide_s_example_compiles_as_it_says() -> None:
    guide = (ROOT / "docs/guides/policies.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    composition = read(yaml.safe_load(example))

    document = plan(server("trains", "search", "cancel"), **write(composition))

    assert of_tools(document) == {"search": ["fair-use", "no-floods"], "cancel": ["fair-use", "cancelling"]}
    assert document.policies[1].allow == Callers(roles=("operator", "developer"))
    assert document.policies[1].rate == Rate(100, 86_400, ())
