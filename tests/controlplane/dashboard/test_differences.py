"""What a revision's page says about the one before it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from controlplane.dashboard.differences import MOST_LINES, differences
from controlplane.registry import services
from controlplane.registry.models import Revision
from tenants.context import acting_for
from tests.controlplane.dashboard.conftest import MANIFEST
from tests.support.cast import Cast


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def test_components_are_told_apart_by_name_and_shown_line_by_line() -> None:
    before = {"tools": [tool("kept"), tool("gone"), tool("said", description="Old.")]}
    after = {"tools": [tool("said", description="New."), tool("kept"), tool("made")], "prompts": [{"name": "said"}]}

    found = differences(before, after)

    assert [(one.kind, one.name, one.what) for one in found] == [
        ("tool", "gone", "removed"),
        ("tool", "made", "added"),
        ("tool", "said", "changed"),
        ("prompt", "said", "added"),
    ]
    changed = [(line.kind, line.text.strip("+- ")) for line in found[2].lines if line.kind != "same"]
    assert changed == [("removed", '"description": "Old.",'), ("added", '"description": "New.",')]


def test_an_order_of_members_is_no_difference() -> None:
    one, other = {"name": "a", "title": "A"}, {"title": "A", "name": "a"}

    assert differences({"tools": [one]}, {"tools": [other]}) == []


def test_a_long_difference_is_cut() -> None:
    long = tool("a", inputSchema={"enum": list(range(5 * MOST_LINES))})

    (found,) = differences({"tools": [tool("a")]}, {"tools": [long]})

    assert len(found.lines) <= MOST_LINES + 1
    assert "more lines" in found.lines[-1].text


def test_the_page_compares_with_the_last_that_was_built(ben: Client, cast: Cast, revision: Revision) -> None:
    manifest = {**MANIFEST, "tools": [*MANIFEST["tools"], tool("get_alerts")]}
    with acting_for(cast.acme.id):
        failed = services.submit_revision("weather", bundle="b" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=failed.pk).update(status="failed")
        newest = services.submit_revision("weather", bundle="c" * 64, file_name="server.py", acting=None)
        Revision.objects.filter(pk=newest.pk).update(status="active", manifest=manifest)

    first = ben.get(f"/tenants/acme/revisions/{revision.id}/").content.decode()
    page = ben.get(f"/tenants/acme/revisions/{newest.id}/").content.decode()

    assert "Otherwise than" not in first
    assert "Otherwise than in revision 1" in page
    assert '<span class="status status-added">added</span> tool <code>get_alerts</code>' in page
