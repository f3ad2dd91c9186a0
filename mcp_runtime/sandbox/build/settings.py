"""What the operator decides about builds."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.egress import EgressLimits
from mcp_runtime.sandbox.node import Node
from mcp_runtime.sandbox.trees import MIB, TreeLimits

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
_COMPANIONS = {"pypi.org": ("files.pythonhosted.org",)}
"""Indexes that keep their files on another host."""

_BOX = WorkerLimits(
    memory_mb=2_048,  # its files are memory as well
    cpu_cores=2.0,
    processes=256,
    open_files=1_024,
    tmp_mb=1_024,
    tmp_inodes=131_072,
    file_mb=512,
)
_TREE = TreeLimits(files=40_000, folders=10_000, total_bytes=512 * MIB, file_bytes=256 * MIB, depth=32, portable=False)
"""Names in packages are the packages' own: they have to fit this system, not every other one."""
_TRAFFIC = EgressLimits(total_bytes=1_024 * MIB)


def system_certificates() -> Path | None:
    """The authorities that this host trusts: `SSL_CERT_FILE`, OpenSSL's own file, or where distributions keep it."""
    named = ssl.get_default_verify_paths().cafile
    places = (named, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Where packages come from, and what one build may use."""

    runtime_dir: Path
    """The content-addressed runtime folder: the box's own program is in it."""
    uv: Path
    index_url: str = PYPI
    index_hosts: tuple[str, ...] = ()
    """Further hosts where the index keeps its files, as `Grant.parse` reads them."""
    node: Node | None = None
    """With which packages of JavaScript are installed; None installs none."""
    registry: str = NPM
    certificates: Path | None = field(default_factory=system_certificates)
    """PEM file of the authorities to trust: the host's, where it has one. None trusts those that uv brings."""
    python: Path = field(default_factory=lambda: Path(sys.executable).resolve())
    wall_seconds: float = 120.0
    """Of locking and installing together."""
    limits: WorkerLimits = _BOX
    tree: TreeLimits = _TREE
    traffic: EgressLimits = _TRAFFIC

    def hosts(self) -> tuple[str, ...]:
        """The hosts that a build may reach. Raises ValueError for an index that the proxy cannot reach."""
        url = urlsplit(self.index_url)
        if url.scheme != "https" or not url.hostname:
            raise ValueError(
                f"The package index '{self.index_url}' cannot be used: builds leave their sandbox by CONNECT only. "
                "Name an https:// URL with a host name."
            )
        registry = urlsplit(self.registry)
        if registry.scheme != "https" or not registry.hostname:
            raise ValueError(
                f"The npm registry '{self.registry}' cannot be used: name an https:// URL with a host name."
            )
        npm = (f"{registry.hostname}:{registry.port or 443}",) if self.node is not None else ()
        return (f"{url.hostname}:{url.port or 443}", *_COMPANIONS.get(url.hostname, ()), *npm, *self.index_hosts)
