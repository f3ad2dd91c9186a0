"""Servers in the browser: added, looked at, changed."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from controlplane.accounts.services import add_member, create_user
from controlplane.audit.models import Entry
from controlplane.registry import services
from controlplane.registry.models import Revision, Server
from controlplane.vault.models import Secret
from tenants.context import acting_for
from tests.support.cast import Cast

NEW = "/tenants/acme/servers/+/"
WEATHER = "/tenants/acme/servers/weather/"


def revisions(cast: Cast, slug: str) -> list[Revision]:
    with acting_for(cast.acme.id):
        return services.revisions_of(services.find_server(slug))


@pytest.fixture
def viewer(cast: Cast) -> Client:
    dora = create_user("dora@acme.example", password="a long enough sentence", name="Dora")
    with acting_for(cast.acme.id):
        add_member(dora, "viewer", acting=None)
    client = Client()
    client.force_login(dora)
    return client


def test_pasted_code_becomes_a_revision_and_leads_to_its_build(ben: Client, cast: Cast) -> None:
    answer = ben.post(NEW, {"name": "tides", "code": "from fastmcp import FastMCP\r\nmcp = FastMCP('tides')\r\n"})

    (revision,) = revisions(cast, "tides")
    assert answer.headers["Location"] == f"/tenants/acme/revisions/{revision.id}/"
    assert revision.file_name == "server.py"


def test_a_zip_becomes_a_revision(ben: Client, cast: Cast) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("server.py", "mcp = None\n")
    upload = SimpleUploadedFile("tides.zip", packed.getvalue(), "application/zip")

    ben.post(NEW, {"name": "tides", "file": upload})

    assert revisions(cast, "tides")[0].file_name == "tides.zip"


def test_a_command_that_names_its_package_needs_no_file(ben: Client, cast: Cast) -> None:
    ben.post(NEW, {"name": "clock", "code": "", "command": "uvx mcp-server-time"})

    (revision,) = revisions(cast, "clock")
    assert (revision.command, revision.file_name) == (["mcp-server-time"], "package.zip")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "tides", "code": "  "}, "There is nothing to deploy."),
        ({"name": "tides", "code": "", "command": "docker run x"}, "begins with npx or uvx"),
        ({"name": "Not A Name", "code": "kept = 'on the page'"}, "not a usable"),
    ],
)
def test_what_cannot_be_deployed_stays_on_the_page_with_the_reason(
    ben: Client, form: dict[str, str], said: str
) -> None:
    answer = ben.post(NEW, form)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert form["code"].strip().replace("'", "&#x27;") in answer.content.decode()


def test_who_may_not_deploy_gets_no_form_and_no_server(viewer: Client, cast: Cast) -> None:
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, {"name": "tides", "code": "x = 1"}).status_code == 403
    with acting_for(cast.acme.id):
        assert not Server.objects.filter(slug="tides").exists()


def test_the_hosts_it_may_reach_are_saved(ben: Client, cast: Cast, revision: Revision) -> None:
    answer = ben.post(WEATHER, {"do": "hosts", "hosts": "api.example.com\r\n*.example.org"}, follow=True)

    assert "Saved what it may reach." in answer.content.decode()
    with acting_for(cast.acme.id):
        assert services.find_server("weather").hosts == ["*.example.org", "api.example.com"]


def test_a_wrong_host_is_told_and_nothing_changes(ben: Client, cast: Cast, revision: Revision) -> None:
    answer = ben.post(WEATHER, {"do": "hosts", "hosts": "http://nowhere/"}, follow=True)

    assert 'role="alert"' in answer.content.decode()
    with acting_for(cast.acme.id):
        assert services.find_server("weather").hosts == []


def test_a_secret_is_set_and_deleted_and_its_value_never_shown(ben: Client, cast: Cast, revision: Revision) -> None:
    value = "do-not-show-4711"
    shown = ben.post(WEATHER, {"do": "set secret", "name": "TOKEN", "value": value}, follow=True).content.decode()
    assert "TOKEN" in shown
    assert value not in shown

    ben.post(WEATHER, {"do": "delete secret", "name": "TOKEN"})

    with acting_for(cast.acme.id):
        assert not Secret.objects.exists()


def test_a_viewer_sees_no_buttons_and_can_press_none(viewer: Client, cast: Cast, revision: Revision) -> None:
    shown = viewer.get(WEATHER).content.decode()
    pressed = viewer.post(WEATHER, {"do": "hosts", "hosts": "api.example.com"})

    assert 'name="do"' not in shown
    assert pressed.status_code == 403


def test_every_change_is_on_the_record_with_who_made_it(ben: Client, cast: Cast, revision: Revision) -> None:
    ben.post(WEATHER, {"do": "hosts", "hosts": "api.example.com"})

    with acting_for(cast.acme.id):
        entry = Entry.objects.filter(action="server.hosts_changed").get()
    assert (entry.actor_kind, entry.actor) == ("user", cast.principal(cast.ben, cast.acme).subject)


def test_servers_are_found_by_a_part_of_their_name(ben: Client, cast: Cast, revision: Revision) -> None:
    with acting_for(cast.acme.id):
        services.register("tides", acting=None)

    shown = ben.get("/tenants/acme/?q=tid").content.decode()

    assert "/servers/tides/" in shown
    assert "/servers/weather/" not in shown


def test_many_servers_come_a_page_at_a_time_at_the_same_price(
    ben: Client, cast: Cast, django_assert_max_num_queries: object
) -> None:
    with acting_for(cast.acme.id):
        for number in range(120):
            services.register(f"server-{number:03}", acting=None)

    first = ben.get("/tenants/acme/").content.decode()
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        second = ben.get("/tenants/acme/?after=server-049").content.decode()

    assert first.count("/servers/server-") == 50
    assert "?after=server-049" in first
    assert "/servers/server-050/" in second
    assert "/servers/server-049/" not in second


def test_the_menu_shows_where_one_is(ben: Client, revision: Revision) -> None:
    shown = ben.get(f"/tenants/acme/revisions/{revision.id}/").content.decode()

    assert '<a href="/tenants/acme/" aria-current="true">Servers</a>' in shown


def test_what_a_server_says_of_itself_is_text(ben: Client, revision: Revision) -> None:
    shown = ben.get(WEATHER).content.decode()

    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
