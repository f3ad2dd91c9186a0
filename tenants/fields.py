"""The primary key of our tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from tenants.identifiers import ID_LENGTH, Prefix, new_id

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField  # Django's own class takes no type parameters when it runs


class IdField(CharField):
    """A prefixed ULID, made when the object is. Migrations see a plain CharField and so import nothing of ours."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        super().__init__(primary_key=True, max_length=ID_LENGTH)

    def get_default(self) -> str:
        return new_id(self.prefix)

    def has_default(self) -> bool:
        """Also keeps `save` from asking with an UPDATE first whether a new object is in the table."""
        return True

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name or "", "django.db.models.CharField", list(args), dict(kwargs)

    def clone(self) -> IdField:
        return IdField(self.prefix)
