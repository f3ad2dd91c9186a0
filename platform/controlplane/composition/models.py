"""Endpoints, what is mounted in them, and their published versions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from controlplane.registry.fields import DocumentField
from controlplane.registry.models import MAX_SLUG, Revision, Server
from tenants.fields import IdField
from tenants.models import TenantModel


class Endpoint(TenantModel):
    """What clients connect to: `/t/<tenant>/<slug>/mcp`."""

    id = IdField("ep")
    slug = models.CharField(max_length=MAX_SLUG)
    published = models.ForeignKey(
        "EndpointVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    """The version that gateways serve; none until the first server behind it is built."""
    composition = DocumentField(null=True, blank=True)
    """What it is made of, as published (`composition.document`); None for the one server that it came with."""
    draft = DocumentField(null=True, blank=True)
    """What it shall become; None while nobody is changing it."""
    draft_number = models.PositiveIntegerField(default=0)
    """Counts the changes of draft and composition: whoever writes says which state they read."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="composition_endpoint_slug_once"),
        ]
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Mount(TenantModel):
    """A server's membership in an endpoint as published: live, or frozen at one revision.

    The rows say which endpoints a change of a server concerns. What the membership is like stands in the composition.
    """

    id = IdField("mnt")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="mounts")
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="+")
    pinned_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    """None follows the server's current revision (a mount); a revision freezes the membership (an import)."""
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "server"], name="composition_mount_once"),
        ]
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.server_id} in {self.endpoint_id}"


class Decision(TenantModel):
    """What an endpoint that holds changes lets through of one component of a member (`composition.holding`)."""

    id = IdField("dec")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="decisions")
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=24)
    name = models.TextField()
    """As its server calls it."""
    component = models.CharField(max_length=64)
    """SHA-256 of kind and name: a URI is too long for an index."""
    approved = DocumentField(null=True, blank=True)
    """The definition; None where none was approved yet."""
    refused = models.CharField(max_length=64, blank=True)
    """The digest of the definition that was refused."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "server", "component"], name="composition_decision_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.endpoint_id}"


class EndpointVersion(TenantModel):
    """One compiled plan. Immutable: publishing again makes another."""

    class Cause(models.TextChoices):
        PUBLISHED = "published"
        """Someone published a draft."""
        MEMBER = "member"
        """A mounted server changed."""
        ROLLED_BACK = "rolled_back"

    id = IdField("epv")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = DocumentField()
    """`mcp_runtime.ports.plans.PlanDocument` as JSON."""
    composition = DocumentField(null=True, blank=True)
    """What it was compiled from."""
    cause = models.CharField(max_length=16, choices=Cause.choices, default=Cause.MEMBER)
    note = models.CharField(max_length=500, blank=True)
    """Why, in the words of whoever published it."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "number"], name="composition_version_number_once"),
        ]
        ordering: ClassVar = ["-number"]

    def __str__(self) -> str:
        return f"{self.endpoint_id} version {self.number}"


class PlanCounter(models.Model):
    """How many plans were ever published, in one row: gateways compare it to notice announcements they missed.

    It names no tenant. The update is the last statement of a publishing transaction, so its lock is short, and
    because publishers take turns on it a reader never sees a later number before an earlier one.
    """

    ROW: ClassVar = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    published = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.published)
