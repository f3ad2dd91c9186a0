"""One row for each task: what shall be run, how far it is, and who runs it at the moment.

A queued row is its own outbox: it is written with the audit entry in one transaction, and found by a sweep for as
long as nobody has claimed it, whatever becomes of the message that should have told a worker (ARCHITECTURE 6.4).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from mcp_runtime.ports.tasks import MAX_STATUS_MESSAGE
from tenants.envelope import Place
from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.sealed import SealedRow


class Task(SealedRow):
    """`sealed` holds the order (`mcp_runtime.ports.tasks.TaskOrder`), the arguments of the call among it."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"
        """For its owner's answers; no worker holds a place for it."""
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OVER: ClassVar = (State.COMPLETED, State.FAILED, State.CANCELLED)

    id = IdField("tsk")
    owner = models.CharField(max_length=64)
    """A digest of `Principal.identity`: whose it is."""
    subject = models.CharField(max_length=255)
    """`Principal.subject` of the owner, to be shown."""
    endpoint_id = models.CharField(max_length=ID_LENGTH)
    endpoint = models.CharField(max_length=50)
    version = models.PositiveIntegerField()
    method = models.CharField(max_length=64)
    name = models.CharField(max_length=2_048)
    request_id = models.CharField(max_length=64, blank=True)
    retry_of = models.CharField(max_length=ID_LENGTH, blank=True)
    """The task that was over and is done once more by this one."""

    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    asking = models.BooleanField(default=False)
    """Whether questions wait for answers."""
    status_message = models.CharField(max_length=MAX_STATUS_MESSAGE, blank=True)
    progress = models.FloatField(null=True)
    total = models.FloatField(null=True)
    progress_token = models.JSONField(null=True)
    tool_error = models.BooleanField(default=False)
    """Whether the result says that it is an error of the tool's."""

    retry = models.BooleanField(default=False)
    """Whether a run that was cut off may be begun again."""
    crashes = models.PositiveSmallIntegerField(default=0)
    """Runs that were cut off since one last came further: their worker died, or what ran the tool did."""
    quarantined = models.BooleanField(default=False)
    token = models.PositiveIntegerField(default=0)
    """Fences off late writers: whoever claims, cancels or ends the task counts on."""
    leased_until = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=timezone.now)

    poll_ms = models.PositiveIntegerField()
    ttl_ms = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    """From then on nobody can read it, and it is run no more."""

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-id"], name="tasks_task_newest"),
            models.Index(fields=["tenant", "owner", "endpoint_id", "-id"], name="tasks_task_of_owner"),
            models.Index(
                fields=["queued_at"],
                condition=models.Q(state__in=["queued", "running", "waiting"]),
                name="tasks_task_unfinished",
            ),
            models.Index(fields=["tenant", "expires_at"], name="tasks_task_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.endpoint}"

    @property
    def over(self) -> bool:
        return self.state in self.OVER

    @property
    def percent(self) -> int | None:
        """How far it is; None where the tool does not say of how much."""
        if self.progress is None or not self.total or self.total < 0:
            return None
        return max(0, min(100, round(100 * self.progress / self.total)))


class TaskPart(SealedRow):
    """What a task holds beside its order."""

    class Kind(models.TextChoices):
        DIALOGUE = "dialogue"
        """`mcp_runtime.ports.dialogues.Dialogue`"""
        RESULT = "result"
        """`mcp_runtime.protocol.messages.ToolResult`"""
        ERROR = "error"
        """`mcp_runtime.protocol.messages.ErrorBody`"""
        LOG = "log"
        """The last messages that the tool logged."""

    id = IdField("tpt")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="parts")
    kind = models.CharField(max_length=16, choices=Kind.choices)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "kind"], name="tasks_taskpart_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.task_id}"

    def place(self) -> Place:
        """Its task and kind are part of it: in another task it does not open."""
        return Place(self.tenant_id, "tasks_taskpart", "sealed", f"{self.id}/{self.task_id}/{self.kind}")
