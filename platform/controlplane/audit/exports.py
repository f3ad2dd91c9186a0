"""The record as a file: JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from controlplane.audit.models import Entry

Format = Literal["jsonl", "csv"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
AT_ONCE: Final = 10_000
"""Entries of one file. What is older is in the next."""
COLUMNS: Final = ("id", "at", "action", "actor_kind", "actor", "target", "before", "after", "request_id")

_TYPES: Final[dict[Format, str]] = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Export:
    body: str
    content_type: str
    disposition: str
    """For `Content-Disposition`: a download, whatever is in it."""


def export(entries: Iterable[Entry], form: Format) -> Export:
    documents = map(_document, entries)
    body = _csv(documents) if form == "csv" else "".join(_json(one) + "\n" for one in documents)
    return Export(body, _TYPES[form], f'attachment; filename="audit.{form}"')


def _document(entry: Entry) -> dict[str, Any]:
    document = {column: getattr(entry, column) for column in COLUMNS}
    return document | {"at": entry.at.isoformat().replace("+00:00", "Z")}


def _csv(documents: Iterable[dict[str, Any]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for one in documents:
        writer.writerow([_cell(one[column]) for column in COLUMNS])
    return written.getvalue()


def _cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = "" if value is None else value if isinstance(value, str) else _json(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
