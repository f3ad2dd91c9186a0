"""The versions of an endpoint, and what changed from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.composition.errors import VersionNotFound
from controlplane.composition.models import Endpoint, EndpointVersion
from mcp_runtime.ports.workers import KEYS


@dataclass(frozen=True, slots=True)
class Change:
    kind: str
    """tools, resources, resource_templates, prompts, members, policies or introduction."""
    name: str
    what: str
    """added, removed or changed."""
    fields: tuple[str, ...] = ()
    """Of what changed: which parts of its definition, or of where it leads."""


def versions_of(endpoint: Endpoint, *, limit: int = 50, before: int | None = None) -> list[EndpointVersion]:
    """The newest first."""
    versions = endpoint.versions.defer("document", "composition")
    return list((versions if before is None else versions.filter(number__lt=before))[:limit])


def find_version(endpoint: Endpoint, number: int) -> EndpointVersion:
    """Raises VersionNotFound."""
    version = endpoint.versions.filter(number=number).first()
    if version is None:
        raise VersionNotFound(endpoint.slug, number)
    return version


def version_before(version: EndpointVersion) -> EndpointVersion | None:
    return version.endpoint.versions.filter(number__lt=version.number).first()


def changes(old: dict[str, Any] | None, new: dict[str, Any]) -> list[Change]:
    """What clients find different in `new`, both being plans as JSON. Everything is new without an `old`."""
    found = [
        Change("introduction", key, "changed")
        for key in ("server_name", "server_version", "instructions", "present")
        if old is not None and _said(old, key) != _said(new, key) and not _is_count(old, new, key)
    ]
    found += _compare("members", _members(old), _members(new))
    found += _compare("policies", _policies(old), _policies(new))
    for kind in KEYS:
        found += _compare(kind, _components(old, kind), _components(new, kind))
    return found


def _said(plan: dict[str, Any], key: str) -> Any:
    """Plans from before a member had been thought of have it at its default."""
    return plan.get(key, "tools" if key == "present" else None)


def _is_count(old: dict[str, Any], new: dict[str, Any], key: str) -> bool:
    """A server without a version of its own has the endpoint's, which says nothing."""
    return key == "server_version" and old[key] == str(old["version"]) and new[key] == str(new["version"])


def _compare(kind: str, old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> list[Change]:
    found = [Change(kind, name, "removed") for name in old.keys() - new.keys()]
    for name, after in new.items():
        before = old.get(name)
        if before is None:
            found.append(Change(kind, name, "added"))
        elif before != after:
            fields = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            found.append(Change(kind, name, "changed", tuple(fields)))
    return sorted(found, key=lambda change: (change.what, change.name))


def _members(plan: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    return {
        member["server_id"]: member.get("worker") or member.get("remote") or {}
        for member in (plan or {}).get("members", ())
    }


def _policies(plan: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    return {policy["name"]: policy for policy in (plan or {}).get("policies", ())}


def _components(plan: dict[str, Any] | None, kind: str) -> dict[str, dict[str, Any]]:
    """By public name: the definition, and where it leads."""
    if plan is None:
        return {}
    return {
        component["definition"][KEYS[kind]]: {
            **component["definition"],
            "server": plan["members"][component["member"]]["server_id"],
            "upstream_name": component["upstream_name"],
            "fixed": component.get("fixed", {}),
            "hidden": sorted(component.get("hidden", ())),
            "held": component.get("held", ""),
            "policies": [plan["policies"][index]["name"] for index in component.get("policies", ())],
        }
        for component in plan[kind]
    }
