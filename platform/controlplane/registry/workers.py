"""From a built revision to the value by which the runtime reaches what it stands for."""

from __future__ import annotations

import msgspec

from controlplane.registry.models import Revision, Server
from controlplane.registry.source import CREDENTIAL, read_source
from mcp_runtime.ports.apis import Api
from mcp_runtime.ports.plans import Remote
from mcp_runtime.ports.statics import Static
from mcp_runtime.ports.workers import COMMAND_LIMITS, Manifest, Worker, WorkerLimits
from mcp_runtime.protocol.param_headers import MarkError, marks


def worker_of(revision: Revision) -> Worker:
    return Worker(
        tenant_id=revision.tenant_id,
        server_id=revision.server_id,
        revision_id=revision.id,
        code=revision.code,
        entrypoint=revision.entrypoint,
        dependencies=revision.dependencies or None,
        hosts=tuple(revision.server.hosts),
        limits=COMMAND_LIMITS if revision.command else WorkerLimits(),
        command=tuple(revision.command),
    )


def remote_of(revision: Revision) -> Remote:
    """Of a revision of a remote server."""
    source = read_source(revision.source)
    marked = any(has_marks(tool.get("inputSchema")) for tool in (revision.manifest or {}).get("tools", ()))
    return Remote(
        tenant_id=revision.tenant_id,
        server_id=revision.server_id,
        revision_id=revision.id,
        url=source.url,
        transport=source.transport,
        header=source.header,
        scheme=source.scheme,
        secret=CREDENTIAL if source.header else "",
        marked=marked,
    )


def api_of(revision: Revision) -> Api:
    """Of a revision of an HTTP API, or of a static server's HTTP tools."""
    serving = revision.serving["api"] if revision.server.kind == Server.Kind.STATIC else revision.serving
    return msgspec.structs.replace(
        msgspec.convert(serving, Api),
        tenant_id=revision.tenant_id,
        server_id=revision.server_id,
        revision_id=revision.id,
    )


def static_of(revision: Revision) -> Static:
    """Of a revision of a static server."""
    return msgspec.convert(revision.serving["static"], Static)


def has_marks(schema: object) -> bool:
    try:
        return bool(marks(schema))
    except MarkError:  # such a tool is refused where it is published
        return False


def manifest_of(revision: Revision) -> Manifest:
    return msgspec.convert(revision.manifest, Manifest)
