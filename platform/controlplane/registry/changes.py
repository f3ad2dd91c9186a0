"""What a server offers now and did not before, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_runtime.ports.workers import KEYS


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of components, as in `tools/list_pets`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Changes:
    """Between two manifests."""
    old, new = _components(before or {}), _components(after)
    return Changes(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in new if name in old and new[name] != old[name]),
    )


def _components(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{kind}/{one[key]}": one for kind, key in KEYS.items() for one in manifest.get(kind) or ()}
