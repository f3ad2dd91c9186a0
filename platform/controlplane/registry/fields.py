"""A JSON column that keeps what was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField  # Django's own class takes no type parameters when it runs


class DocumentField(TextField):
    """JSON stored as text, not as `jsonb`, which would reorder its keys.

    The order of a tool's parameters in its schema is the order its author chose and clients show. Such a document is
    written once and read whole: it has no need of jsonb's operators. Migrations see a plain TextField.
    """

    _pyi_private_set_type: Any  # what django-stubs reads: any JSON value
    _pyi_private_get_type: Any
    _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name or "", "django.db.models.TextField", list(args), dict(kwargs)
