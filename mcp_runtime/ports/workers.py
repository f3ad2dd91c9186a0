"""What a sandbox worker is: the plain values that the plan, the gateway and the runner share."""

from __future__ import annotations

from typing import Final

import msgspec


class WorkerLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one worker (SANDBOX 0.1). Units are in the names."""

    memory_mb: int = 256
    cpu_cores: float = 0.5
    processes: int = 128
    open_files: int = 256
    tmp_mb: int = 64
    tmp_inodes: int = 16_384
    file_mb: int = 32
    call_seconds: float = 30.0
    load_seconds: float = 10.0
    idle_seconds: float = 60.0
    calls_in_flight: int = 32
    calls_queued: int = 128


COMMAND_LIMITS = WorkerLimits(memory_mb=512, cpu_cores=1.0, processes=256, open_files=1024, load_seconds=30.0)
"""Of a worker that runs a command: a process for each caller, with an interpreter of its own."""


class Worker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One revision of one server, as the runner needs it to start a worker. Holds no secret.

    `code` and `dependencies` are digests in the content-addressed store
    (`<store>/code/<digest>`, `<store>/dependencies/<digest>`).
    """

    tenant_id: str
    server_id: str
    revision_id: str
    code: str
    entrypoint: str
    """`server.py` or `server.py:name`, relative to the code folder; empty where `command` is what runs."""
    dependencies: str | None = None
    hosts: tuple[str, ...] = ()
    """Hosts that the worker may reach through the egress proxy; none by default."""
    limits: WorkerLimits = WorkerLimits()
    command: tuple[str, ...] = ()
    """A program that speaks MCP on standard input and output, and its arguments; it runs in the code folder."""


class Caller(msgspec.Struct, frozen=True):
    """What a worker is told about the one who calls. It is told, and never believed."""

    request_id: str
    subject: str
    client_id: str
    scopes: tuple[str, ...] = ()
    protocol_version: str = ""
    client_capabilities: dict[str, object] = {}
    progress: bool = False
    """Whether the client asked for progress notifications."""
    log_level: str | None = None
    """The lowest level the client wants; None sends it no log messages."""
    session: str | None = None
    """A name for the client's session, the same for all calls in it; not the id, which is the client's to know."""
    headers: dict[str, str] = {}
    """The HTTP headers of the request, no credentials among them; empty where it did not come by HTTP."""
    task: str | None = None
    """The task whose run the call is; None for a call that its client waits for."""
    seconds: float | None = None
    """How long the call may take, where that is not the server's own limit."""


KEYS: Final = {"tools": "name", "resources": "uri", "resource_templates": "uriTemplate", "prompts": "name"}
"""The kinds of components in a manifest, and the member of a definition that names it."""


class Manifest(msgspec.Struct):
    """What a server offers, as the worker describes it after loading. Definitions are in 2026-07-28 form."""

    name: str
    version: str = ""
    instructions: str | None = None
    strict_input: bool = False
    """Refuse arguments by JSON Schema before the worker sees them (FASTMCP S-03)."""
    tools: list[dict[str, object]] = []
    resources: list[dict[str, object]] = []
    resource_templates: list[dict[str, object]] = []
    prompts: list[dict[str, object]] = []
    varying: list[str] = []
    """Which of these four lists differ by caller: by a component's own checks, by middleware or by session. A gateway
    asks the worker who sees what of them, and shows nobody more (FASTMCP 0.4).

    And what else the worker is asked or told each time: `completions` where it names values for arguments,
    `initialize` and `notifications` where its middleware looks at those."""
