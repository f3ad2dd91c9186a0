"""The files of `deploy/` agree with each other, with the code, and with what hardening asks of them."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.variables import VARIABLES

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = sorted(name for name, service in COMPOSE["services"].items() if str(service["image"]).startswith("stoa:"))
OBJECTS: list[dict[str, Any]] = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in OBJECTS if one["kind"] in ("Deployment", "Job")
}
CONTAINERS = {f"{name}-{container['name']}": container for name, pod in PODS.items() for container in pod["containers"]}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVING = [path for path in UNITS if path.name != "stoa-runner.service"]


def known(name: str) -> bool:
    row = VARIABLES.get(name.removesuffix("_FILE"))
    return row is not None and (row.is_secret or not name.endswith("_FILE"))


def unit(path: Path) -> configparser.ConfigParser:
    """The last value of a directive that is given more than once."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_is_locked_in(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert [variable for variable in service.get("environment", {}) if not known(variable)] == []


def test_a_service_names_only_what_is_declared() -> None:
    services = COMPOSE["services"].values()

    assert {secret for service in services for secret in service.get("secrets", ())} <= set(COMPOSE["secrets"])
    assert {network for service in services for network in service.get("networks", ())} <= set(COMPOSE["networks"])
    named = {volume.split(":")[0] for service in services for volume in service.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} <= set(COMPOSE["volumes"])
    assert {name for service in services for name in service.get("depends_on", ())} <= set(COMPOSE["services"])


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_has_a_limit_of_memory_or_ends_by_itself(name: str) -> None:
    assert "mem_limit" in COMPOSE["services"][name] or name == "migrate"


def test_only_migrations_know_the_owner_and_the_runner_knows_nothing() -> None:
    services = COMPOSE["services"]

    assert [name for name in services if "database_owner_url" in services[name].get("secrets", ())] == ["migrate"]
    assert "secrets" not in services["runner"]
    assert "inside" not in services["runner"]["networks"]
    assert "env" in CONTAINERS["web-runner"]
    assert "envFrom" not in CONTAINERS["web-runner"]
    owner = {"secretRef": {"name": "stoa-owner"}}
    owners = [name for name, one in CONTAINERS.items() if owner in one.get("envFrom", ())]
    assert owners == ["migrate-migrate"]


def test_the_proxy_is_trusted_and_its_network_alone() -> None:
    (subnet,) = [config["subnet"] for config in COMPOSE["networks"]["edge"]["ipam"]["config"]]

    assert COMPOSE["services"]["web-1"]["environment"]["STOA_TRUSTED_PROXIES"] == subnet


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_a_container_is_locked_in(name: str) -> None:
    container = CONTAINERS[name]
    pod = PODS[name.split("-")[0]]

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}


def test_everything_of_kubernetes_is_listed_and_selects_what_exists() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())["resources"]
    present = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in OBJECTS if one["kind"] in ("Deployment", "Job")]

    assert set(listed) == present
    for one in OBJECTS:
        selector = one.get("spec", {}).get("selector") or one.get("spec", {}).get("podSelector") or {}
        wanted = selector.get("matchLabels", selector)
        assert any(wanted.items() <= label.items() for label in labels), one["metadata"]["name"]
    (config,) = [one for one in OBJECTS if one["kind"] == "ConfigMap"]
    assert [name for name in config["data"] if not known(name)] == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_of_ours_with_few_rights(path: Path) -> None:
    service = unit(path)["Service"]

    assert service["ExecStart"].split()[0] in ("/opt/stoa/bin/stoa", "/opt/stoa/bin/celery")
    assert service["User"] == "stoa"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert "MemoryMax" in service


@pytest.mark.parametrize("path", SERVING, ids=lambda path: path.stem)
def test_a_unit_that_serves_makes_no_namespaces(path: Path) -> None:
    service = unit(path)["Service"]

    assert service["RestrictNamespaces"] == "yes"
    assert service["EnvironmentFile"] == "/etc/stoa/stoa.env"
    assert "SystemCallFilter" in service


def test_what_stops_a_process_waits_longer_than_it_drains() -> None:
    drain = int(VARIABLES["STOA_DRAIN_SECONDS"].default or 0)

    assert int(COMPOSE["services"]["web-1"]["stop_grace_period"].rstrip("s")) >= drain + 5
    assert int(unit(DEPLOY / "systemd/stoa-web@.service")["Service"]["TimeoutStopSec"]) >= drain + 5
    assert PODS["web"]["terminationGracePeriodSeconds"] >= drain + 5 + 5


def test_proxies_take_what_the_platform_takes() -> None:
    most = int(VARIABLES["STOA_MAX_UPLOAD_MB"].default or 0)
    nginx = (DEPLOY / "nginx/stoa.conf").read_text()
    caddy = (DEPLOY / "caddy/Caddyfile").read_text()

    assert [int(size) for size in re.findall(r"client_max_body_size (\d+)m;", nginx)] == [most + 2]
    assert [int(size) for size in re.findall(r"max_size (\d+)MB", caddy)] == [most + 2]
    assert "proxy_buffering off;" in nginx
    assert "flush_interval -1" in caddy
    assert "$proxy_add_x_forwarded_for" not in nginx


def test_the_image_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text()

    stages = re.findall(r"^FROM (.+)$", text, re.MULTILINE)
    assert len(stages) == 2
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert "--frozen" in text
