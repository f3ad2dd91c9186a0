"""What a configuration said and no other app keeps."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import TenantModel


class Expectation(TenantModel):
    """The names of the secrets that a server is to have: it is complete when all of them are set."""

    id = IdField("exp")
    server_id = models.CharField(max_length=ID_LENGTH)
    secrets: models.JSONField[list[str], list[str]] = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "server_id"], name="declarative_expectation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.server_id}: {', '.join(self.secrets)}"
