"""The failures' table, in the code and in the handbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_runtime.connectors.failures import SANDBOX_FAILURES, explain
from mcp_runtime.connectors.remote_failures import UPSTREAM_FAILURES
from mcp_runtime.ports import sandboxes
from mcp_runtime.ports.sandboxes import SandboxError

ROOT = Path(__file__).parents[3]
HANDBOOK = (ROOT / "docs/reference/errors.md").read_text()
DOOR, PROTOCOL, BEHIND = (
    HANDBOOK.split(f"## {title}\n")[1].split("\n## ")[0]
    for title in ("Turned away at the door", "Protocol errors", "Failures behind the endpoint")
)
KINDS = [one for one in vars(sandboxes).values() if isinstance(one, type) and issubclass(one, SandboxError)]


@pytest.mark.protocol("E-02")
@pytest.mark.parametrize("kind", KINDS)
def test_each_failure_has_words_of_ours(kind: type[SandboxError]) -> None:
    error = explain(kind("worker 7 at /run/stoa"), "req_1")

    assert error.code == -32603
    assert "/run/stoa" not in str(error.as_object())
    assert error.data == {
        "code": kind.code,
        "party": "sandbox",
        "hint": SANDBOX_FAILURES[kind.code].hint,
        "request_id": "req_1",
        **({"reason": "unknown"} if kind.code == "worker_died" else {}),
    }


def test_the_handbook_lists_the_failures_there_are() -> None:
    assert _codes(BEHIND) == {*SANDBOX_FAILURES, *UPSTREAM_FAILURES, "api_refused", "bad_schema", "internal_error"}


def test_the_handbook_lists_the_refusals_there_are() -> None:
    runtime = ROOT / "mcp_runtime"
    source = "".join(
        path.read_text()
        for folder in ("gateway", "authorization", "sessions")
        for path in sorted((runtime / folder).glob("*.py"))
    )
    raised = re.findall(r"(?:Refusal\(\s*\d+,\s*|_bad_request\()\"([a-z_]+)\"", source)

    assert _codes(DOOR) == {*raised, "malformed_credential"}


@pytest.mark.protocol("E-03")
def test_the_handbook_lists_the_protocols_errors() -> None:
    from mcp_runtime.protocol import errors

    tree = {
        (leaf.code, leaf.status)
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, errors.McpError)
    }

    listed = {
        (int(code), int(status)) for code, status in re.findall(r"^\| (-\d+) \| (\d+) \|", PROTOCOL, re.MULTILINE)
    }
    assert listed == tree


def _codes(table: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))
