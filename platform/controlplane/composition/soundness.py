"""Refuse at publish what a gateway would refuse when it loads the plan, or at each call of a tool."""

from __future__ import annotations

from controlplane.composition.errors import CompileError
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.ports.memory import MemorySandboxes, MemorySecrets
from mcp_runtime.ports.plans import PlanDocument


def check(plan: PlanDocument) -> None:
    """Loads the plan as a gateway does. Raises CompileError."""
    for tool in plan.tools:
        schema = tool.definition.get("inputSchema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise CompileError(
                f"The inputSchema of tool '{tool.definition['name']}' is not of type object.",
                hint='Tools take named arguments: the schema says "type": "object".',
            )
    try:
        # It only has to be loaded: nothing is called, so nothing has to stand behind it.
        compiled = CompiledPlan(plan, MemorySandboxes(), Remotes(MemorySecrets()))
    except PlanError as error:
        raise CompileError(str(error), hint="Change the component at its server, or exclude it.") from error
    for name, loaded in compiled.tools.items():
        if loaded.fault is not None:
            raise CompileError(
                f"The tool '{name}' cannot be called: {loaded.fault}",
                hint="Change the tool's input schema at its server, or exclude the tool.",
            )
