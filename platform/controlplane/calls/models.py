"""One row for each request that a gateway served: who, what, how it ended. Never an argument, a result or a token."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tenants.models import TenantModel


class Call(TenantModel):
    """Written by `calls.writing` in batches, kept for `STOA_CALLS_KEEP_DAYS`."""

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=40)
    """What the client was told to quote."""
    at = models.DateTimeField()
    """When its first header came."""
    endpoint = models.CharField(max_length=50)
    """The slug that was asked for."""
    subject = models.CharField(max_length=255)
    """`Principal.subject` of the caller."""
    protocol = models.CharField(max_length=10, blank=True)
    """The revision of MCP that was spoken."""
    method = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=2_048, blank=True)
    """The tool, prompt or resource, where the endpoint has it."""
    credential = models.CharField(max_length=40, blank=True)
    """Whose credential was used at an upstream: a connection (`cnx_…`), or `server` for the server's own secret."""
    status = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=64)
    """`ok`, `tool_error`, `client_gone`, or the code of an error."""
    ms = models.FloatField()
    """From the first header to the last byte of the answer, in milliseconds."""

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-id"], name="calls_call_newest"),
            models.Index(fields=["tenant", "at"], name="calls_call_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.name} at {self.endpoint}".strip()

    @property
    def good(self) -> bool:
        return self.outcome == "ok"
