"""Alert rules and dashboard speak of metrics that exist, and each alert has its runbook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.metrics.instruments import Instruments

ROOT = Path(__file__).parents[2]
GROUPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/stoa.json").read_text())
OURS = {name: labels for name, _, labels, _ in Instruments().described()}


def ours(expression: str) -> list[tuple[str, set[str]]]:
    """Each metric of ours in an expression, with the labels it is filtered by."""
    found = re.findall(r"(stoa_[a-z_]+)(?:\{([^}]*)\})?", expression)
    return [(name, set(re.findall(r"(\w+)\s*[!=]~?=?\"", labels))) for name, labels in found]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_runbook_and_says_what_is_wrong(rule: dict[str, Any]) -> None:
    runbooks = (ROOT / "docs/operations/monitoring.md").read_text()

    assert f"\n## {rule['alert']}\n" in runbooks
    assert rule["annotations"]["runbook"] == f"docs/operations/monitoring.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert re.fullmatch(r"\d+m", rule["for"])


@pytest.mark.parametrize(
    "expression",
    [rule["expr"] for rule in RULES] + [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]],
)
def test_an_expression_asks_for_metrics_that_exist(expression: str) -> None:
    for name, labels in ours(expression):
        base = name if name in OURS else name.removesuffix("_bucket")
        assert base in OURS, name
        assert labels <= set(OURS[base]), name
    assert expression.count("(") == expression.count(")")
