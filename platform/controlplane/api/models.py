"""Answers that are given again to whoever repeats a request."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants.fields import IdField
from tenants.sealed import SealedRow


class RepeatableAnswer(SealedRow):
    """The answer to a request that had an Idempotency-Key. Sealed: it may be the only one that shows a new key."""

    id = IdField("rpt")
    key_digest = models.BinaryField()
    """Of the caller, the route and their Idempotency-Key."""
    request_digest = models.BinaryField()
    """Of what was asked: the key is good for the same request only."""
    status = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "key_digest"], name="api_repeatable_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="api_repeatable_by_age")]

    def __str__(self) -> str:
        return self.id
