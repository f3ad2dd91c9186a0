"""The audit record's page and files, and the page of signing and data keys."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.test import Client

from controlplane.audit.models import Entry
from controlplane.audit.services import record
from controlplane.issuer.models import SigningKey
from controlplane.keys.models import ApiKey
from controlplane.keys.services import create_key
from tenants import datakeys
from tenants.context import acting_for
from tests.support.cast import Cast

AUDIT = "/tenants/acme/audit/"
SECURITY = "/tenants/acme/settings/security/"


@pytest.fixture
def ada(cast: Cast, client: Client) -> Client:
    client.force_login(cast.ada)
    return client


@pytest.fixture
def entries(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        for number in range(60):
            record("key.revoked", tenant_id=cast.acme.id, acting=None, target=f"key_{number:02}", after={"n": number})
        record("secret.set", tenant_id=cast.acme.id, acting=None, target="=1+1", after={"name": "<script>"})


@pytest.mark.usefixtures("entries")
def test_the_record_is_filtered_and_paged(ada: Client) -> None:
    first = ada.get(AUDIT, {"action": "key."}).content.decode()
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = ada.get(AUDIT + following[1].replace("&amp;", "&")).content.decode()

    shown = [set(re.findall(r"key_\d\d", page)) for page in (first, second)]
    assert [len(one) for one in shown] == [50, 10]
    assert not shown[0] & shown[1]
    assert "secret.set" not in first + second


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("since", ["2999-01-01", "2026-02-31", "yesterday"])
def test_a_day_that_is_none_filters_nothing(ada: Client, since: str) -> None:
    page = ada.get(AUDIT, {"since": since}).content.decode()

    assert ("No entry matches" in page) == since.startswith("2999")


@pytest.mark.usefixtures("entries")
def test_a_file_is_an_attachment_with_what_the_filters_leave(ada: Client) -> None:
    lines = ada.get(f"{AUDIT}audit.jsonl", {"action": "secret.set"})
    table = ada.get(f"{AUDIT}audit.csv", {"action": "secret.set"})

    assert lines.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    assert table.headers["X-Content-Type-Options"] == "nosniff"
    (line,) = lines.content.decode().splitlines()
    assert json.loads(line)["after"] == {"name": "<script>"}
    _, row = csv.reader(io.StringIO(table.content.decode()))
    assert "'=1+1" in row
    assert ada.get(f"{AUDIT}audit.html").status_code == 404


@pytest.mark.usefixtures("entries")
def test_another_tenant_s_record_stays_there(cast: Cast) -> None:
    cem = Client()
    cem.force_login(cast.cem)

    assert b"key_0" not in cem.get("/tenants/globex/audit/").content
    assert b"key_0" not in cem.get("/tenants/globex/audit/audit.csv").content


def test_keys_are_rotated_from_the_page(cast: Cast, ada: Client) -> None:
    with acting_for(cast.acme.id):
        before = datakeys.newest_id()

    ada.post(SECURITY, {"do": "rotate signing key"})
    answer = ada.post(SECURITY, {"do": "rotate data key"}, follow=True)

    assert b"sealed anew" in answer.content
    with acting_for(cast.acme.id):
        assert SigningKey.objects.exists()
        assert datakeys.newest_id() != before
        assert set(Entry.objects.values_list("action", flat=True)) >= {
            "issuer.key_rotated", "tenant.data_key_rotated",
        }  # fmt: skip


def test_everything_is_revoked_only_by_who_types_the_name(cast: Cast, ada: Client) -> None:
    with acting_for(cast.acme.id):
        create_key("nightly", scopes=["mcp:call"], acting=None)
    asked = {"do": "revoke", "keys": "on", "logins": "on"}

    refused = ada.post(SECURITY, {**asked, "confirmation": "acmee"}, follow=True)
    with acting_for(cast.acme.id):
        untouched = ApiKey.objects.filter(revoked_at=None).count()
    done = ada.post(SECURITY, {**asked, "confirmation": "acme"}, follow=True)

    assert b"Nothing is revoked" in refused.content
    assert untouched == 1
    assert b"Ended: 0 logins, 1 keys" in done.content
    with acting_for(cast.acme.id):
        assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_settings_say_how_much_is_used(ada: Client) -> None:
    page = ada.get("/tenants/acme/settings/").content.decode()

    assert "2 of 1000" in page
