"""From a built revision to the value with which the runner starts a worker."""

from __future__ import annotations

import msgspec

from controlplane.registry.models import Revision
from mcp_runtime.ports.workers import Manifest, Worker


def worker_of(revision: Revision) -> Worker:
    return Worker(
        tenant_id=revision.tenant_id,
        server_id=revision.server_id,
        revision_id=revision.id,
        code=revision.code,
        entrypoint=revision.entrypoint,
        dependencies=revision.dependencies or None,
        hosts=tuple(revision.server.hosts),
    )


def manifest_of(revision: Revision) -> Manifest:
    return msgspec.convert(revision.manifest, Manifest)
