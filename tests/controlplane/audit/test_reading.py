"""The record over the API: pages, filters, exports, and who may see it; and how entries end."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from controlplane.audit.models import Entry
from controlplane.audit.services import forget, record
from tenants.context import acting_for
from tenants.principal import Principal
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

AUDIT = "/api/v1/tenants/acme/audit"


@pytest.fixture
def ada(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ada)
    return client


@pytest.fixture(autouse=True)
def entries(cast: Cast) -> list[str]:
    acting: Principal = cast.principal(cast.ben, cast.acme)
    with acting_for(cast.acme.id):
        return [
            record(
                f"thing.{'made' if number % 2 else 'lost'}",
                tenant_id=cast.acme.id,
                acting=acting,
                target=f"=thing {number}",
                after={"number": number, "name": "ü"},
            ).id
            for number in range(10)
        ]


def told(client: Client, **query: Any) -> Any:
    answer = client.get(AUDIT, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_pages_hold_every_entry_once_newest_first(ada: Client, entries: list[str]) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = told(ada, action="thing.", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [entry["id"] for entry in page["entries"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]

    assert seen == sorted(entries, reverse=True)


def test_an_entry_tells_who_and_what_before_and_after(ada: Client, cast: Cast) -> None:
    [entry] = told(ada, target="=thing 3")["entries"]

    assert (entry["actor"], entry["action"], entry["before"]) == (cast.ben.pk, "thing.made", None)
    assert entry["after"] == {"number": 3, "name": "ü"}


def test_filters_choose(ada: Client) -> None:
    later = (timezone.now() + timedelta(hours=1)).isoformat()

    assert len(told(ada, action="thing.made")["entries"]) == 5
    assert told(ada, action="thing.", since=later)["entries"] == []
    assert len(told(ada, action="thing.", until=later)["entries"]) == 10
    assert told(ada, actor="usr_nobody")["entries"] == []


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "é"}, {"limit": 0}, {"limit": "x"}, {"since": "yesterday"}, {"action": "a\0"}]
)
def test_a_wrong_question_is_told_so(ada: Client, query: dict[str, Any]) -> None:
    answer = ada.get(AUDIT, query)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")


def test_an_export_as_json_lines_comes_in_parts(ada: Client, entries: list[str]) -> None:
    lines: list[dict[str, Any]] = []
    address: str | None = f"{AUDIT}/export?action=thing.&limit=4"
    while address is not None:
        answer = ada.get(address)
        assert answer.headers["Content-Type"] == "application/jsonl"
        lines += [json.loads(line) for line in answer.content.decode().splitlines()]
        link = answer.headers.get("Link")
        address = link.partition("<")[2].partition(">")[0] if link else None

    assert [line["id"] for line in lines] == sorted(entries, reverse=True)


def test_an_export_as_csv_holds_no_formula(ada: Client) -> None:
    answer = ada.get(f"{AUDIT}/export", {"type": "csv", "action": "thing."})

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert len(rows) == 10
    assert all(row["target"].startswith("'=thing") for row in rows)
    assert json.loads(rows[0]["after"])["name"] == "ü"


def test_an_outsider_and_a_developer_see_nothing_of_it(cast: Cast) -> None:
    cem, ben = Client(), Client()
    cem.force_login(cast.cem)
    ben.force_login(cast.ben)

    assert cem.get(AUDIT).status_code == 404
    assert ben.get(AUDIT).status_code == 403
    assert ben.get(f"{AUDIT}/export").status_code == 403


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_the_application_changes_and_deletes_no_entry(cast: Cast, statement: str) -> None:
    with acting_for(cast.acme.id), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute(statement)
        assert Entry.objects.filter(action__startswith="thing.").count() == 10


def test_entries_end_by_age_and_no_young_one_does(cast: Cast) -> None:
    ages = {"ancient": 900, "old": 40, "young": 20}
    with acting_for(cast.acme.id):
        for name, days in ages.items():
            Entry.objects.create(action=f"aged.{name}", target="x", at=timezone.now() - timedelta(days=days))

    def left() -> set[str]:
        with acting_for(cast.acme.id):
            return set(Entry.objects.filter(action__startswith="aged.").values_list("action", flat=True))

    assert forget(730) == 1
    assert left() == {"aged.old", "aged.young"}
    assert forget(0) == 1
    assert left() == {"aged.young"}
