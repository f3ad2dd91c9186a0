"""The revisions of MCP we speak and what each can carry (PROTOCOL 1.1, 2.13)."""

from __future__ import annotations

from dataclasses import dataclass

META = "io.modelcontextprotocol/"
"""Prefix of the specification's own `_meta` keys."""
PROTOCOL_VERSION_KEY = META + "protocolVersion"
CLIENT_CAPABILITIES_KEY = META + "clientCapabilities"
CLIENT_INFO_KEY = META + "clientInfo"
LOG_LEVEL_KEY = META + "logLevel"
SERVER_INFO_KEY = META + "serverInfo"
PROGRESS_KEY = "progressToken"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision. A flag says that the feature may be sent to a client of this revision."""

    name: str
    modern: bool = False
    """Stateless, with per-request `_meta`; otherwise the initialize handshake."""
    batching: bool = False
    annotations: bool = True
    audio: bool = True
    progress_message: bool = True
    structured: bool = True
    """title, `_meta` on types, outputSchema, structuredContent, resource links, lastModified."""
    icons: bool = True
    """icons, and description and websiteUrl of an implementation."""
    task_support: bool = False
    """`execution` on tools: 2025-11-25 only (T-08)."""
    any_structured: bool = False
    """structuredContent and outputSchema may be any JSON, not only objects."""


MODERN = Revision("2026-07-28", modern=True, any_structured=True)
REVISIONS: tuple[Revision, ...] = (
    MODERN,
    Revision("2025-11-25", task_support=True),
    Revision("2025-06-18", icons=False),
    Revision("2025-03-26", icons=False, structured=False, batching=True),
    Revision(
        "2024-11-05", icons=False, structured=False, batching=True, annotations=False, audio=False,
        progress_message=False,
    ),
)  # fmt: skip
"""Newest first."""

BY_NAME: dict[str, Revision] = {revision.name: revision for revision in REVISIONS}
SUPPORTED: tuple[str, ...] = tuple(BY_NAME)
"""Newest first, all of them: a client of the future finds the one it can fall back to (V-07)."""
LATEST_LEGACY = next(revision for revision in REVISIONS if not revision.modern)
ASSUMED_LEGACY = BY_NAME["2025-03-26"]
"""What a legacy request without a version header is taken for (V-04)."""


def negotiate(requested: object) -> Revision:
    """The revision that answers `initialize`: the one asked for, or our latest legacy one (V-01, V-02)."""
    revision = BY_NAME.get(requested) if isinstance(requested, str) else None
    return LATEST_LEGACY if revision is None or revision.modern else revision
