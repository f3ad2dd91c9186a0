"""Servers, their revisions, and what the build of each revision said."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from controlplane.registry.fields import DocumentField
from tenants.fields import IdField
from tenants.models import TenantModel

DIGEST_LENGTH = 64
"""The longest digest of the store: SHA-256 in hexadecimal."""
MAX_SLUG = 50


class Server(TenantModel):
    """A registered source of components."""

    class Kind(models.TextChoices):
        PYTHON = "python"
        """Uploaded code, run in a sandbox."""
        REMOTE = "remote"
        """An MCP server that runs elsewhere (`registry.remotes`)."""
        OPENAPI = "openapi"
        """An HTTP API, by its OpenAPI document (`registry.openapi`)."""
        STATIC = "static"
        """Texts, files, prompts and simple HTTP tools, made as data (`registry.static`)."""

    id = IdField("srv")
    slug = models.CharField(max_length=MAX_SLUG)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.PYTHON)
    hosts = models.JSONField(default=list)
    """Hosts that its workers may reach through the egress proxy; none unless granted."""
    current_revision = models.ForeignKey(
        "Revision",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    """The one pointer that a deploy or a rollback moves."""
    health = models.JSONField(null=True, blank=True, editable=False)
    """Of a server elsewhere, when it was last asked: `{ok, code, message}`. Null: not known."""
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="registry_server_slug_once"),
        ]
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Revision(TenantModel):
    """One immutable build of a server. What was submitted never changes; the build fills in the rest once."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        BUILDING = "building"
        ACTIVE = "active"
        SUPERSEDED = "superseded"
        """Built and able to serve, but another revision does."""
        FAILED = "failed"

    FINISHED: ClassVar = frozenset({Status.ACTIVE, Status.SUPERSEDED, Status.FAILED})
    BUILT: ClassVar = frozenset({Status.ACTIVE, Status.SUPERSEDED})

    id = IdField("rev")
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)

    bundle = models.CharField(max_length=DIGEST_LENGTH)
    """SHA-256 of what was uploaded; the store keeps it under this name."""
    file_name = models.CharField(max_length=200)
    """What the upload was called: its ending says what kind of bundle it is."""
    requested_entrypoint = models.CharField(max_length=300, blank=True)
    command = models.JSONField(default=list, blank=True)
    """The words that start a server written with another SDK; empty for one of our framework."""

    code = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    dependencies = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    lock = models.TextField(blank=True)
    """The locked requirements with their hashes: a rebuild installs these and nothing newer."""
    entrypoint = models.CharField(max_length=300, blank=True)
    manifest = DocumentField(null=True, blank=True)
    source = DocumentField(null=True, blank=True)
    """Of a server that is not uploaded: where its components come from, such as `registry.remotes.Source`."""
    serving = DocumentField(null=True, blank=True)
    """What a gateway needs to serve it beside the manifest, such as `mcp_runtime.ports.apis.Api`."""
    error = models.JSONField(null=True, blank=True)
    """Of a failed build: `{code, message, line, hint, detail}`."""

    attempt = models.PositiveSmallIntegerField(default=0)
    """The fencing token of the build: a worker that lost its attempt can no longer write the outcome."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)
    """`Principal.subject` of whoever deployed; empty for the platform."""
    queued_at = models.DateTimeField(default=timezone.now)
    """When a worker was last asked to build it."""
    leased_until = models.DateTimeField(null=True, blank=True)
    """While its builder lives, this stays ahead of the clock; another may take over once it has passed."""
    activated_at = models.DateTimeField(null=True, blank=True)
    """When it first became the one that serves."""
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["server", "number"], name="registry_revision_number_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status"],
                condition=models.Q(status__in=["queued", "building"]),
                name="registry_revision_unbuilt",
            ),
        ]
        ordering: ClassVar = ["-number"]

    def __str__(self) -> str:
        return f"{self.server_id} revision {self.number}"

    @property
    def finished(self) -> bool:
        return self.status in self.FINISHED


class BuildLogLine(TenantModel):
    """One line of a build's log. `seq` counts from 1 without gaps."""

    MAX_LINES: ClassVar = 5_000
    MAX_BYTES: ClassVar = 64 * 1024

    id = IdField("log")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="log_lines")
    seq = models.PositiveIntegerField()
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["revision", "seq"], name="registry_build_log_line_once"),
        ]
        ordering: ClassVar = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq}: {self.text}"

    def as_json(self) -> dict[str, Any]:
        return {"seq": self.seq, "text": self.text, "at": self.at.isoformat()}
