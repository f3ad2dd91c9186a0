from __future__ import annotations

import msgspec
import pytest

from controlplane.composition.compiler import CompileError, MountedServer, compile_plan
from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.ports.workers import Manifest, Worker


def server(slug: str, *tools: str, **manifest: object) -> MountedServer:
    definitions: list[dict[str, object]] = [{"name": tool, "inputSchema": {"type": "object"}} for tool in tools]
    worker = Worker(tenant_id="ten_1", server_id=f"srv_{slug}", revision_id="rev_1", code="c", entrypoint="server.py")
    described = msgspec.convert({"name": slug, **manifest, "tools": definitions}, Manifest)
    return MountedServer(f"srv_{slug}", slug, "python", worker, described)


def plan(*servers: MountedServer) -> PlanDocument:
    return compile_plan(
        tenant_id="ten_1", tenant="acme", endpoint_id="ep_1", endpoint="all", version=3, servers=servers
    )


def test_one_server_introduces_itself() -> None:
    document = plan(server("weather", "get", version="1.2", instructions="Ask away."))

    assert (document.server_name, document.server_version, document.instructions) == ("weather", "1.2", "Ask away.")
    assert document.members[0].worker is not None


def test_several_servers_stand_behind_the_endpoint_s_own_name() -> None:
    document = plan(server("weather", "get", instructions="Ask."), server("news", "read"))

    assert document.server_name == "all"
    assert document.instructions == "weather: Ask."
    assert [(tool.upstream_name, tool.member) for tool in document.tools] == [("get", 0), ("read", 1)]


def test_two_servers_with_a_tool_of_one_name_do_not_compile() -> None:
    with pytest.raises(CompileError) as caught:
        plan(server("weather", "get"), server("news", "get"))

    assert "'weather' and 'news'" in caught.value.message
    assert caught.value.hint


def test_a_plan_survives_being_stored() -> None:
    document = plan(server("weather", "get"))

    assert msgspec.convert(msgspec.to_builtins(document), PlanDocument) == document
